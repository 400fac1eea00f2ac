"""The characters that steer a terminal instead of being read, and the one filter that removes them.

A model, a model file and a pasted text are strangers' text: `ESC ]52` writes the clipboard, `ESC [2J`
clears the screen, a bidi override shows a file name backwards. Each character is judged alone, so the
filter of a text is the filters of its parts, joined: a stream is filtered delta by delta. The letters
of a sequence stay and are seen; without its first character no terminal obeys it.
"""

import re

_LINE_ENDS = {"\u2028": "\n", "\u2029": "\n"}
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Unicode's Bidi_Control
    r"\u2028\u2029]"  # line ends that only some programs take for one
)


def without_control_characters(text: str) -> str:
    """`text` without C0, C1 and bidi controls. `\\n` and `\\t` stay, Unicode's line ends become `\\n`.

    Joiners stay: emoji and Persian words are made with them.
    """
    if text.isprintable():  # nearly every token: no need to look at it letter by letter
        return text
    return _STEERING.sub(lambda control: _LINE_ENDS.get(control[0], ""), text)
