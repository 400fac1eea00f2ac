"""The words of the interface in the chosen language (gettext catalogues: tg, ru; en is the source).

Knows nothing of who shows them. The `.mo` files are made from the `.po` files beside them by
`uv run python tests/make_catalogues.py`.
"""

import gettext
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LANGUAGES = ("tg", "ru", "en")
"""Languages of the interface; the first is the default."""

_language = "en"
_current: gettext.NullTranslations = gettext.NullTranslations()


def use(language: str) -> None:
    """Choose the interface's language for the whole process; an unknown one falls back to English."""
    global _language, _current
    _language = language
    # The parser of the command line looks its own words up in the process's default domain.
    gettext.bindtextdomain("soro", str(Path(__file__).parent))
    gettext.textdomain("soro")
    os.environ["LANGUAGE"] = language
    if language == "en":
        _current = gettext.NullTranslations()
    else:
        _current = gettext.translation(
            "soro", localedir=Path(__file__).parent, languages=[language], fallback=True
        )


def language() -> str:
    """The code of the language in use."""
    return _language


@contextmanager
def using(language: str) -> Iterator[None]:
    """Another language for a while."""
    before = _language
    use(language)
    try:
        yield
    finally:
        use(before)


def _(message: str) -> str:
    """`message`, an English msgid, in the language in use."""
    return _current.gettext(message)


def local_time(seconds: float) -> str:
    """A moment in UTC epoch seconds as date and time of this computer; `?` where there is no such day."""
    try:
        moment = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        return "?"
    return time.strftime("%Y-%m-%d %H:%M", moment) if 0 < moment.tm_year < 10_000 else "?"


def N_(message: str) -> str:
    """Mark a msgid for extraction; it is translated later, by `_`."""
    return message
