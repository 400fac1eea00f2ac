"""Token bytes to text, complete letters only.

A token may end in the middle of a letter's UTF-8 bytes; those bytes wait for the next token.
Law: the texts given out, joined, are the bytes of all tokens decoded at once.
"""

import codecs


class StreamingDecoder:
    """Feed it each token's bytes; it gives the letters that are complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, token_bytes: bytes) -> str:
        return self._decoder.decode(token_bytes)

    def finish(self) -> str:
        """What is left: U+FFFD where a letter never became complete."""
        return self._decoder.decode(b"", final=True)
