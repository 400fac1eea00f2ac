"""What a long piece of work tells of itself. Knows no screen: who calls the converter draws it."""

from typing import Protocol

PLANNING_VOCABULARY = "planning the vocabulary"
MEASURING_SENSITIVITY = "measuring what each matrix suffers"
READING_TEXT = "reading the calibration text"
ROUNDING = "rounding"
ROUNDING_LAYERS = "rounding layer by layer"
MEASURING_DIVERGENCE = "measuring on the text held out"
COMPARING = "comparing every tensor"
COMPARING_WITH_TORCH = "comparing with transformers"
FINISHING = "hashing, and a first answer"

_PHASES = (
    (PLANNING_VOCABULARY, MEASURING_SENSITIVITY),
    (READING_TEXT, ROUNDING, ROUNDING_LAYERS, MEASURING_DIVERGENCE),
    (COMPARING, COMPARING_WITH_TORCH),
    (FINISHING,),
)
"""The phases of every conversion, each with the pieces of work that it may consist of."""


class Progress(Protocol):
    """Hears what is being done and how far it is."""

    def begin(self, what: str, total: float) -> None:
        """Something new begins, `total` units of work long."""
        ...

    def advance(self, amount: float) -> None: ...


class NumberedPhases:
    """A Progress that says before each piece of work which phase of how many it is: `2/4 rounding`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def begin(self, what: str, total: float) -> None:
        number = next(number for number, phase in enumerate(_PHASES, 1) if what in phase)
        self._progress.begin(f"{number}/{len(_PHASES)} {what}", total)

    def advance(self, amount: float) -> None:
        self._progress.advance(amount)
