"""Does a folder hold a whole Gemma 3? What its files' names and config.json tell of that, and tell at once:
nothing here needs numpy, which takes a slow computer seconds to load. Knows no weights."""

from pathlib import Path

from convert.config import Gemma3Config, read_config
from convert.errors import BadCheckpoint, UnsupportedCheckpoint
from convert.json_file import read_members


def read_folder(folder: Path) -> Gemma3Config:
    """The model that it promises. Raises BadCheckpoint or UnsupportedCheckpoint."""
    require_checkpoint(folder)
    return read_config(folder)


def require_checkpoint(folder: Path) -> None:
    """Raises BadCheckpoint or UnsupportedCheckpoint where the folder holds no whole model."""
    if not folder.exists():
        raise BadCheckpoint(
            f"There is no folder {folder}.", "Give the folder that holds config.json."
        )
    if not folder.is_dir():
        hint = "It is a finished model already." if folder.suffix == ".gguf" else ""
        raise BadCheckpoint(
            f"{folder} is a file, not the folder of a checkpoint.",
            hint or "Give the folder that holds config.json.",
        )
    if (folder / "adapter_config.json").is_file() and not weight_files(folder):
        base = read_members(folder / "adapter_config.json").text(
            "base_model_name_or_path", "its base model"
        )
        raise lora_adapter(f"{folder} holds a LoRA adapter for {base}, not a whole model.")
    if not (folder / "config.json").is_file():
        raise BadCheckpoint(
            f"{folder} is no checkpoint: it has no config.json.",
            "Give the folder that save_pretrained wrote.",
        )


def lora_adapter(message: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        message,
        "Merge it into its base model first: PeftModel.merge_and_unload(), then save_pretrained().",
    )


def weight_files(folder: Path) -> list[Path]:
    """The files that may hold a whole model: a merged one may lie beside its adapter."""
    return sorted(
        path for path in folder.glob("*.safetensors") if not path.name.startswith("adapter_")
    )
