"""Make the `.mo` catalogues: `uv run python tests/make_catalogues.py`. Also lists what is untranslated."""

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1] / "soro_edge"
KEYWORDS: dict[str, None] = {"_": None, "N_": None}


def msgids() -> set[str]:
    """Every message that the program can show."""
    found = extract_from_dir(ROOT, [("**.py", "python")], keywords=KEYWORDS)
    return {
        message for _file, _line, message, _comments, _context in found if isinstance(message, str)
    }


def catalogue(language: str) -> Catalog:
    """The `.po` file of a language."""
    with (ROOT / "locale" / language / "LC_MESSAGES" / "soro.po").open("rb") as file:
        return read_po(file, locale=language)


def compiled(language: str) -> bytes:
    """The `.mo` file's bytes."""
    written, words = BytesIO(), catalogue(language)
    # The header holds dates: without this, two makings would differ.
    words.creation_date = words.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(written, words)
    return written.getvalue()


def main() -> None:
    for language in ("tg", "ru"):
        known = {m.id for m in catalogue(language) if m.id and m.string}
        for missing in sorted(msgids() - known):
            print(f"{language}: no translation: {missing}", file=sys.stderr)
        (ROOT / "locale" / language / "LC_MESSAGES" / "soro.mo").write_bytes(compiled(language))


if __name__ == "__main__":
    main()
