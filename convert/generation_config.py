"""generation_config.json: how the checkpoint's makers let it write. Every member may be missing."""

from pathlib import Path

from convert.json_file import Members, read_members

NAME = "generation_config.json"


def read_generation_config(folder: Path) -> Members:
    """Raises BadCheckpoint."""
    path = folder / NAME
    return read_members(path) if path.is_file() else Members(NAME, {})


def sampling(config: Members) -> dict[str, object]:
    """For the manifest: what is said, and the tutor's own where nothing is. Raises BadCheckpoint."""
    greedy = not config.flag("do_sample", True)
    return {
        "temperature": 0.0 if greedy else config.number("temperature", 0.5),
        "top_k": config.whole("top_k", 64),
        "top_p": config.number("top_p", 0.95),
        "min_p": config.number("min_p", 0.05),
        "repeat_penalty": config.number("repetition_penalty", 1.1),
    }


def ends_turns(config: Members, end_of_turn: int) -> bool:
    """Whether the model was made to end its answers by this token, as far as the file says."""
    return end_of_turn in config.wholes("eos_token_id", (end_of_turn,))
