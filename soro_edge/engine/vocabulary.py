"""The model's pieces: prompts to token ids, token ids to bytes, which tokens end an answer.

Knows no KV cache and no conversation.
"""

import ctypes

from soro_edge.engine.api import Control, Prompt
from soro_edge.engine.native import lib
from soro_edge.model_errors import BadTemplate, ModelNotLoaded

_GEMMA_PIECES = frozenset({"<start_of_turn>", "<end_of_turn>"})
_PIECE_BYTES = 512
_WRITTEN = 64
"""So many written answers are remembered by their tokens."""


class Vocabulary:
    """Of one loaded model. Raises ModelNotLoaded where its control pieces are damaged."""

    def __init__(self, model: int, *, template: str) -> None:
        self._vocab = lib.llama_model_get_vocab(model)
        self.size: int = lib.llama_vocab_n_tokens(self._vocab)
        self._piece = ctypes.create_string_buffer(_PIECE_BYTES)
        self._control_ids = self._find_control_ids(template)
        bos, eos = lib.llama_vocab_bos(self._vocab), lib.llama_vocab_eos(self._vocab)
        self.bos = self._name(bos) if lib.llama_vocab_get_add_bos(self._vocab) else None
        """Piece that begins every prompt; None where the model wants none."""
        self.eos = self._name(eos)
        for token, piece in ((bos, self.bos), (eos, self.eos)):
            if piece is not None:
                self._control_ids.setdefault(piece, token)
        self._written: dict[str, list[int]] = {}

    @property
    def control_pieces(self) -> tuple[str, ...]:
        """The control tokens that a prompt may name."""
        return tuple(self._control_ids)

    def tokenize(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt. Raises BadTemplate for a control piece the model does not have."""
        tokens: list[int] = []
        for part in prompt:
            if isinstance(part, Control):
                if part.piece not in self._control_ids:
                    raise BadTemplate(reason=part.piece)
                tokens.append(self._control_ids[part.piece])
            else:
                tokens += self._written.get(part.text) or self.tokenize_text(part.text)
        return tokens

    def tokenize_text(
        self, text: str, *, add_bos: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of a text. Control pieces in it are plain text unless `parse_special`; `add_bos`
        begins with what the model wants to begin with, which may be nothing."""
        data = text.encode("utf-8")
        room = len(data) + 2
        ids = (lib.llama_token * room)()
        count = lib.llama_tokenize(self._vocab, data, len(data), ids, room, add_bos, parse_special)
        return list(ids[:count])

    def bytes_of(self, token: int) -> bytes:
        """What a token stands for."""
        count = lib.llama_token_to_piece(
            self._vocab, token, self._piece, len(self._piece), 0, False
        )
        if count < 0:
            self._piece = ctypes.create_string_buffer(-count)
            count = lib.llama_token_to_piece(self._vocab, token, self._piece, -count, 0, False)
        return self._piece.raw[:count]

    def is_end(self, token: int) -> bool:
        """Whether an answer ends with this token."""
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def remember(self, prompt: Prompt, answer: list[int]) -> None:
        """Keep the tokens of a written answer: its text may tokenize differently, and then what the
        KV cache holds of it would be lost in the next turn."""
        tail = prompt[-1]
        if isinstance(tail, Control):
            return
        while answer and not self.bytes_of(answer[-1]).strip():
            answer = answer[:-1]  # the next prompt carries the answer without its outer space
        text = b"".join(self.bytes_of(token) for token in answer).decode("utf-8", "replace")
        self.recall({tail.text + text: self.tokenize_text(tail.text) + answer})

    def recall(self, written: dict[str, list[int]]) -> None:
        """Take over tokens of texts that were written earlier; those that do not spell it are left."""
        for text, tokens in written.items():
            known = all(0 <= token < self.size for token in tokens)
            if known and b"".join(self.bytes_of(token) for token in tokens) == text.encode("utf-8"):
                self._written.pop(text, None)
                self._written[text] = tokens
        while len(self._written) > _WRITTEN:
            del self._written[next(iter(self._written))]

    def forget(self) -> None:
        """No written answer is remembered any more."""
        self._written.clear()

    def written_in(self, tokens: list[int]) -> dict[str, list[int]]:
        """The remembered texts whose tokens occur in `tokens`."""
        line = _as_bytes(tokens)
        return {text: ids for text, ids in self._written.items() if _as_bytes(ids) in line}

    def _find_control_ids(self, template: str) -> dict[str, int]:
        """Control pieces by text: those that end a turn and those that the template names."""
        found = {}
        for token in range(self.size):
            if not lib.llama_vocab_is_control(self._vocab, token):
                continue
            piece = lib.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")
            if piece in template or piece in _GEMMA_PIECES or self.is_end(token):
                found[piece] = token
        return found

    def _name(self, token: int) -> str | None:
        if token < 0:
            return None
        try:
            return str(lib.llama_vocab_get_text(self._vocab, token).decode())
        except UnicodeDecodeError:
            reason = f"the text of token {token} is not UTF-8"
            raise ModelNotLoaded(reason=reason) from None


def _as_bytes(tokens: list[int]) -> bytes:
    return b"".join(token.to_bytes(4, "little") for token in tokens)
