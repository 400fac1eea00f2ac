"""What a long piece of work tells of itself. Knows no screen: who calls the converter draws it."""

from typing import Protocol


class Progress(Protocol):
    """Hears what is being done and how far it is."""

    def begin(self, what: str, total: float) -> None:
        """Something new begins, `total` units of work long."""
        ...

    def advance(self, amount: float) -> None: ...
