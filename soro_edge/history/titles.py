"""Titles on one line, made from a question or given by a person."""

TITLE_LETTERS = 60


def title_of(question: str) -> str:
    """The beginning of a question, cut after a word where it is long."""
    line = one_line(question)
    if len(line) <= TITLE_LETTERS:
        return line or "…"
    room = TITLE_LETTERS - 1
    space = line.rfind(" ", 0, room + 1)
    return line[: space if space > 0 else room].rstrip(" ,;:.–—-") + "…"


def one_line(text: str) -> str:
    """`text` with each run of white space as one space."""
    return " ".join(text.split())
