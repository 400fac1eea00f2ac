"""The safetensors files of a checkpoint's folder: which of them hold the model, and what tensors they store.

A folder may hold more than one set of weights, left by several saves. It is read only where there is no doubt
which one is meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convert.checkpoint.folder import weight_files
from convert.checkpoint.formats.stored import COPY_AGAIN, StoredTensor, read_header
from convert.checkpoint.json_file import read_members
from convert.errors import BadCheckpoint, BadTensor, UnsupportedCheckpoint

SINGLE = "model.safetensors"
_INDEX_ENDING = ".safetensors.index.json"
INDEX = f"model{_INDEX_ENDING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """The weights of one checkpoint."""

    tensors: Mapping[str, StoredTensor]
    """Every tensor of every shard, by its stored name."""
    index: Path | None
    """The file that says which shard holds which tensor; None for a single file."""
    remarks: tuple[str, ...]
    """What was found in the folder and not read, in sentences without a full stop."""


def read_shards(folder: Path) -> Shards:
    """Read the headers of the shards.

    Raises BadCheckpoint where a shard is missing or cut off, where a tensor is stored twice, or where the
    folder holds two sets of weights.
    """
    remarks = []
    index = _index(folder)
    if index and _is_left_over(index):
        remarks.append(f"{index.name} names files that are gone, {SINGLE} is read without it")
        index = None
    if index:
        _refuse_second_set(index)
        expected = _read_index(index)
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
            raise BadTensor(
                f"{name} is not in {file_name}, where {index.name if index else INDEX} says it is.",
                COPY_AGAIN,
            )
    if others := [path.name for path in weight_files(folder) if path not in files]:
        remarks.append(f"not read: {', '.join(others)}")
    return Shards(tensors=tensors, index=index, remarks=tuple(remarks))


def _index(folder: Path) -> Path | None:
    """The index of the shards: the usual one, or the only one. Raises BadCheckpoint for several others."""
    if (folder / INDEX).is_file():
        return folder / INDEX
    if (folder / SINGLE).is_file():
        return None
    indexes = [
        path
        for path in sorted(folder.glob(f"*{_INDEX_ENDING}"))
        if not path.name.startswith((".", "adapter_"))
    ]
    if len(indexes) > 1:
        names = ", ".join(path.name for path in indexes)
        raise BadCheckpoint(
            f"{folder} holds {len(indexes)} sets of weights: {names}.",
            "Leave one index with its shards in the folder, and move the others away.",
        )
    return indexes[0] if indexes else None


def _is_left_over(index: Path) -> bool:
    """Whether an index is from an earlier save: model.safetensors is there, and no file that it names is."""
    if not (index.parent / SINGLE).is_file():
        return False
    return not any((index.parent / name).is_file() for name in _files_by_tensor(index).values())


def _refuse_second_set(index: Path) -> None:
    """Raises BadCheckpoint where model.safetensors lies beside shards: one of the two is older."""
    names = set(_files_by_tensor(index).values())
    if (index.parent / SINGLE).is_file() and SINGLE not in names:
        raise BadCheckpoint(
            f"{index.parent} holds two sets of weights: {SINGLE}, and the {len(names)} files that"
            f" {index.name} names.",
            f"Move the older set away. transformers would load {SINGLE} and ignore the index.",
        )


def _files_by_tensor(index: Path) -> dict[str, str]:
    members = read_members(index).object("weight_map")
    return {name: members.text(name, "") for name in members.values}


def _read_index(index: Path) -> dict[str, str]:
    """The file's name of each tensor; every file exists, and lies in the folder."""
    weight_map = _files_by_tensor(index)
    for file_name in sorted(set(weight_map.values())):
        if Path(file_name).name != file_name or not (index.parent / file_name).is_file():
            raise BadCheckpoint(
                f"{index.name} names {file_name or 'no file'}, which is not in the folder.",
                "Copy the missing file into the folder; all shards must lie beside the index.",
            )
    if not weight_map:
        raise BadCheckpoint(f"{index.name} names no tensors.", COPY_AGAIN)
    return weight_map


def _single_file(folder: Path) -> Path:
    candidates = weight_files(folder)
    if (folder / SINGLE) in candidates:
        return folder / SINGLE
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise BadCheckpoint(
            f"{folder} has {len(candidates)} shards and no {INDEX}.",
            "Copy the index too: it says whether the shards are complete.",
        )
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise UnsupportedCheckpoint(
            f"{folder} stores its weights as PyTorch pickles, which are not read.",
            "Save it with save_pretrained(safe_serialization=True).",
        )
    raise BadCheckpoint(
        "{folder} has no weights: no *.safetensors file.",
        "Copy the weights into the folder.",
        folder=folder,
    )
