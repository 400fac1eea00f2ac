"""How a long measurement reports its progress. Knows no screen: commands/bars.py draws it."""

from typing import Protocol


class Progress(Protocol):
    """Receives what is being done and how far it is."""

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """Something new begins, `total` items long, of which `done` were done earlier."""
        ...

    def advance(self, items: int) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, what: str, total: int, done: int = 0) -> None:
        pass

    def advance(self, items: int) -> None:
        pass
