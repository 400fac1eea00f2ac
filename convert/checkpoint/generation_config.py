"""generation_config.json: how the checkpoint's makers let it write. Every member may be missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convert.checkpoint.json_file import Members, read_members

NAME = "generation_config.json"
_NUMBERS = {
    "temperature": ("temperature", 0.5, 0.0, 5.0),
    "top_p": ("top_p", 0.95, 0.0, 1.0),
    "min_p": ("min_p", 0.05, 0.0, 1.0),
    "repeat_penalty": ("repetition_penalty", 1.1, 0.01, 10.0),
}
"""By their names in the manifest: the member here, the tutor's own value, and the bounds of the runtime."""
_MOST_TOP_K = 1 << 20
_ORDER = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")


def read_generation_config(folder: Path) -> Members:
    """Raises BadCheckpoint."""
    path = folder / NAME
    return read_members(path) if path.is_file() else Members(NAME, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the runtime is to choose tokens."""

    values: Mapping[str, object]
    """The manifest's `[sampling]`."""
    remarks: tuple[str, ...]
    """What the file says that no runtime takes, in sentences without a full stop."""


def sampling(config: Members) -> Sampling:
    """Return what the file says, and the tutor's own choice where it says nothing.

    Numbers that make no sense do not stop a conversion, for the weights are good: they are told and replaced.
    Raises BadCheckpoint for members of a wrong type.
    """
    values: dict[str, object] = {}
    remarks = []
    for name, (member, default, least, most) in _NUMBERS.items():
        value = config.number(member, default)
        if not least <= value <= most:
            remarks.append(
                f"{NAME} says {member} = {value:g}, which makes no sense: {default:g} is written"
            )
            value = default
        values[name] = value
    # -1 is vLLM's word for no limit; more than there are tokens is none either. The runtime's word is 0.
    top_k = config.whole("top_k", 64, least=-1)
    values["top_k"] = top_k if 0 < top_k <= _MOST_TOP_K else 0
    if not config.flag("do_sample", True):
        values["temperature"] = 0.0
    return Sampling(
        values={name: values[name] for name in _ORDER},
        remarks=tuple(remarks),
    )


def ends_turns(config: Members, end_of_turn: int) -> bool:
    """Whether the model was made to end its answers by this token, as far as the file says."""
    return end_of_turn in config.wholes("eos_token_id", (end_of_turn,))
