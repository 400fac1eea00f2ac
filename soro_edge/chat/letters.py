"""Tajik as people really type it, made into the letters that a model was trained on.

Only what is unambiguous is changed: letters of legacy fonts, combining macrons, ў for ӯ. Plain г и к у
х ч in place of ғ ӣ қ ӯ ҳ ҷ are left alone: nobody can know which was meant. Knows no conversation.
"""

import unicodedata

from soro_edge.errors import NotUtf8

_LEGACY = str.maketrans("њќѓљїўЊЌЃЉЇЎȳȲ", "ҳқғҷӣӯҲҚҒҶӢӮӯӮ")
_KEPT_CONTROLS = "\n\t"


def clean(text: str) -> str:
    """`text` in NFC with Tajik letters, one kind of line end, no control characters, no outer space.

    Raises NotUtf8 where bytes that were no UTF-8 were smuggled in as lone surrogates.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotUtf8(position=error.start) from None
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.translate(_LEGACY)
    kept = (
        letter
        for letter in text
        if letter in _KEPT_CONTROLS or unicodedata.category(letter) not in ("Cc", "Cs")
    )
    return "".join(kept).strip()
