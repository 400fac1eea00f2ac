"""Does a folder hold a whole Gemma 3? What its files' names and config.json tell of that, and tell at once:
nothing here needs numpy, which takes a slow computer seconds to load. Knows no weights."""

from pathlib import Path

from convert.checkpoint.config import Gemma3Config, read_config
from convert.checkpoint.json_file import read_members
from convert.errors import BadCheckpoint, UnsupportedCheckpoint


def read_folder(folder: Path) -> Gemma3Config:
    """The model that it promises. Raises BadCheckpoint or UnsupportedCheckpoint."""
    require_checkpoint(folder)
    return read_config(folder)


def require_checkpoint(folder: Path) -> None:
    """Raises BadCheckpoint or UnsupportedCheckpoint where the folder holds no whole model."""
    if not folder.exists():
        raise BadCheckpoint(
            "There is no folder {folder}.", "Give the folder that holds config.json.", folder=folder
        )
    if not folder.is_dir():
        raise BadCheckpoint(
            "{folder} is a file, not the folder of a checkpoint.",
            "It is a finished model already: `soro models add {folder}`."
            if folder.suffix == ".gguf"
            else "Give the folder that holds config.json.",
            folder=folder,
        )
    if (folder / "adapter_config.json").is_file() and not weight_files(folder):
        base = read_members(folder / "adapter_config.json").text(
            "base_model_name_or_path", "its base model"
        )
        raise lora_adapter(
            "{folder} holds a LoRA adapter for {base}, not a whole model.", folder=folder, base=base
        )
    if not (folder / "config.json").is_file():
        raise BadCheckpoint(
            "{folder} is no checkpoint: it has no config.json.",
            "Give the folder that save_pretrained wrote.",
            folder=folder,
        )


def lora_adapter(message: str, **fields: object) -> UnsupportedCheckpoint:
    """The error for an adapter; `message` says where it was found."""
    return UnsupportedCheckpoint(
        message,
        "Merge it into its base model first: PeftModel.merge_and_unload(), then save_pretrained().",
        **fields,
    )


def weight_files(folder: Path) -> list[Path]:
    """List the files that may hold a whole model: a merged one may lie beside its adapter.

    macOS leaves a `._model.safetensors` beside each file it copies to a stick; that holds no weights.
    """
    return sorted(
        path for path in folder.glob("*.safetensors") if not path.name.startswith(("adapter_", "."))
    )
