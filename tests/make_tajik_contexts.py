"""Make soro_edge/tajik_contexts.py from this tree's texts: `uv run python tests/make_tajik_contexts.py`."""

import re
import unicodedata
from pathlib import Path

from soro_edge import tajik_contexts
from soro_edge.tajik import ALPHABET, OWN_LETTERS

ROOT = Path(__file__).parents[1]
TEXTS = (
    "convert/data/calibration.tg.txt",
    "soro_edge/evaluation/data/flores200.devtest.tgk_Cyrl.txt",
    "soro_edge/learning/school_questions.tg.tsv",
    "soro_edge/evaluation/data/sib200.tgk_Cyrl.test.tsv",
    "soro_edge/evaluation/data/sib200.tgk_Cyrl.train.tsv",
)
LEFT_OUT = {"^ӯз"}
"""Only in «Ӯзбекистон» and its kin, which Uzbeks write with ў."""
COLUMNS = 96


def contexts() -> set[str]:
    """The three letters around each of the six in those texts; ^ and $ are a word's ends."""
    found: set[str] = set()
    for name in TEXTS:
        text = unicodedata.normalize("NFC", (ROOT / name).read_text(encoding="utf-8")).lower()
        for word in re.findall(f"[{ALPHABET}]+", text):
            padded = f"^{word}$"
            found |= {padded[at : at + 3] for at, one in enumerate(word) if one in OWN_LETTERS}
    return found - LEFT_OUT


def main() -> None:
    """Write the module."""
    lines, line = [], ""
    for context in sorted(contexts()):
        if len(line) + len(context) + 1 > COLUMNS:
            lines.append(line.rstrip())
            line = ""
        line += context + " "
    text = "\n".join([*lines, line.rstrip()])
    head = f'"""{tajik_contexts.__doc__}"""'
    Path(tajik_contexts.__file__).write_text(
        f'{head}\n\n_TABLE = """\n{text}\n"""\n\nSEEN_CONTEXTS = frozenset(_TABLE.split())\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
