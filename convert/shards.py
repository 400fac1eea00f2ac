"""The safetensors files of a checkpoint's folder: which they are, and each tensor by its stored name."""

from collections.abc import Mapping
from pathlib import Path

from convert.errors import BadCheckpoint, BadTensor, UnsupportedCheckpoint
from convert.folder import weight_files
from convert.formats.stored import COPY_AGAIN, StoredTensor, read_header
from convert.json_file import read_members

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


def read_shards(folder: Path) -> Mapping[str, StoredTensor]:
    """Every tensor of every shard. Raises BadCheckpoint where a shard is missing or cut off, or a tensor is
    stored twice."""
    if (folder / INDEX).is_file():
        expected = _read_index(folder)
        files = [folder / name for name in sorted(set(expected.values()))]
    else:
        expected = {}
        files = [_single_file(folder)]
    tensors: dict[str, StoredTensor] = {}
    for file in files:
        for name, tensor in read_header(file).items():
            if name in tensors:
                raise BadTensor(
                    f"{name} is stored twice: in {tensors[name].file.name} and {file.name}.",
                    COPY_AGAIN,
                )
            tensors[name] = tensor
    for name, file_name in expected.items():
        if name not in tensors:
            raise BadTensor(f"{name} is not in {file_name}, where {INDEX} says it is.", COPY_AGAIN)
    return tensors


def _read_index(folder: Path) -> dict[str, str]:
    """The file's name of each tensor; every file exists, and lies in the folder."""
    members = read_members(folder / INDEX).object("weight_map")
    weight_map = {name: members.text(name, "") for name in members.values}
    for file_name in sorted(set(weight_map.values())):
        if Path(file_name).name != file_name or not (folder / file_name).is_file():
            raise BadCheckpoint(
                f"{INDEX} names {file_name or 'no file'}, which is not in the folder.",
                "Copy the missing file into the folder; all shards must lie beside the index.",
            )
    if not weight_map:
        raise BadCheckpoint(f"{INDEX} names no tensors.", COPY_AGAIN)
    return weight_map


def _single_file(folder: Path) -> Path:
    found = weight_files(folder)
    if (folder / SINGLE) in found:
        return folder / SINGLE
    if len(found) == 1:
        return found[0]
    if found:
        raise BadCheckpoint(
            f"{folder} has {len(found)} shards and no {INDEX}.",
            "Copy the index too: it says whether the shards are complete.",
        )
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise UnsupportedCheckpoint(
            f"{folder} stores its weights as PyTorch pickles, which are not read.",
            "Save it with save_pretrained(safe_serialization=True).",
        )
    raise BadCheckpoint(
        f"{folder} has no weights: no *.safetensors file.", "Copy the weights into the folder."
    )
