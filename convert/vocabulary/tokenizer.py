"""The tokenizer of a checkpoint as a GGUF file stores it: pieces, scores, kinds, special ids, template.

Knows which files of a checkpoint say what; how each is read is in tokenizer_files.py, which pieces a
small model needs is in trim.py. It loads no weights: whether pieces and embedding rows agree is
asked with `fit_to_embedding`.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from convert.checkpoint.json_file import read_object
from convert.errors import BadCheckpoint
from convert.vocabulary.tokenizer_files import (
    SPACE,
    PieceTable,
    added_tokens,
    read_sentencepiece,
    read_tokenizer_json,
)

_NO_TEMPLATE = "Gemma 3"
_MOST_PADDING_ROWS = 4096
"""Embeddings are padded with unused rows to a round number. More than this is another model's tokenizer: that
of Gemma 2 has 6,144 pieces less than Gemma 3's."""
_IMAGE_PIECE = "<image_soft_token>"
"""Multimodal checkpoints have it past the text model's rows."""

GEMMA_TEMPLATE = """\
{{ bos_token }}
{%- set instruction = '' -%}
{%- set turns = messages -%}
{%- if messages[0]['role'] == 'system' -%}
  {%- set instruction = messages[0]['content'] + '\\n\\n' -%}
  {%- set turns = messages[1:] -%}
{%- endif -%}
{%- for turn in turns -%}
  {{ '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\\n' }}
  {{- instruction if loop.first else '' }}
  {{- turn['content'] | trim }}
  {{- '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<start_of_turn>model\\n' }}
{%- endif -%}
"""
"""For a checkpoint without a template of its own: Gemma 3's chat form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialIds:
    """Token ids with a meaning."""

    bos: int
    eos: int
    """Ends a document; what ends an answer is `end_of_turn`."""
    unk: int | None
    pad: int | None
    end_of_turn: int

    def all(self) -> tuple[int, ...]:
        known = (self.bos, self.eos, self.unk, self.pad, self.end_of_turn)
        return tuple(token for token in known if token is not None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokenizer:
    """A SentencePiece BPE vocabulary with byte fallback, and what a chat needs beside it."""

    pieces: tuple[str, ...]
    """By id. Spaces are `▁` in normal pieces, plain in user-defined ones."""
    scores: NDArray[np.float32]
    """[pieces]; of two possible merges the one whose result scores higher is made first."""
    kinds: NDArray[np.int32]
    """[pieces]; values of gguf.TokenType."""
    special: SpecialIds
    chat_template: str
    """Jinja source."""
    add_bos: bool
    source: str
    """The file the pieces come from, for the report."""
    template_source: str
    """The file the template comes from, for the report; `Gemma 3` where there was none."""
    said: tuple[str, ...] = ()
    """What the model maker should know of it, in sentences without a full stop."""

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def has_own_template(self) -> bool:
        """Whether the checkpoint brought its chat template."""
        return self.template_source != _NO_TEMPLATE

    def of_kind(self, kind: gguf.TokenType) -> NDArray[np.int64]:
        """Ids of all pieces of one kind, ascending."""
        return np.flatnonzero(self.kinds == int(kind))


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read tokenizer.model (preferred) or tokenizer.json, with tokenizer_config.json, added_tokens.json
    and chat_template.jinja where they exist.

    What tokenizer.json says of added tokens goes over all other files: transformers 5 writes them nowhere
    else. Raises BadCheckpoint, UnsupportedCheckpoint.
    """
    config = _optional_json(folder / "tokenizer_config.json")
    if (folder / "tokenizer.model").is_file():
        source = "tokenizer.model"
        table = read_sentencepiece(folder / source)
        _apply_added(table, folder, config)
    elif (folder / "tokenizer.json").is_file():
        source = "tokenizer.json"
        table = read_tokenizer_json(folder / source)
    else:
        raise BadCheckpoint(
            f"{folder.name} has neither tokenizer.model nor tokenizer.json.",
            "Copy the tokenizer's files beside the weights; a fine-tune has those of its base model.",
        )
    _require_distinct(table, source)
    ids = {piece: token for token, piece in enumerate(table.pieces)}
    _check_bytes(ids, source)
    special = _special_ids(ids, config, source)
    for token in special.all():
        table.kinds[token] = gguf.TokenType.CONTROL
    template, template_source, said = _chat_template(folder, config)
    return Tokenizer(
        pieces=tuple(table.pieces),
        scores=np.array(table.scores, dtype=np.float32),
        kinds=np.array(table.kinds, dtype=np.int32),
        special=special,
        chat_template=template,
        add_bos=bool(config.get("add_bos_token", True)),
        source=source,
        template_source=template_source,
        said=said,
    )


def fit_to_embedding(tokenizer: Tokenizer, rows: int) -> Tokenizer:
    """The tokenizer with no piece that has no embedding row.

    Added pieces without a row were never trained, and rows without a piece are padding: both are left out,
    and it is said. Raises BadCheckpoint where the tokenizer is another model's.
    """
    beyond = tokenizer.kinds[rows:]
    text_beyond = np.isin(beyond, [gguf.TokenType.NORMAL, gguf.TokenType.BYTE]).any()
    padding = rows - len(tokenizer)
    if text_beyond or padding > _MOST_PADDING_ROWS or max(tokenizer.special.all()) >= rows:
        raise BadCheckpoint(
            f"{tokenizer.source} has {len(tokenizer):,} pieces, the embedding {rows:,} rows.",
            "Take the tokenizer that this checkpoint was trained with.",
        )
    said = list(tokenizer.said)
    if padding > 0:
        said.append(f"padding left out: {padding:,} rows of the embedding without a piece")
    lacking = [
        piece
        for piece, kind in zip(tokenizer.pieces[rows:], beyond, strict=True)
        if piece != _IMAGE_PIECE and kind != gguf.TokenType.UNUSED
    ]
    if lacking:
        shown = ", ".join(lacking[:3]) + (" …" if len(lacking) > 3 else "")
        said.append(f"left out, because the embedding has no row for them: {shown}")
    return replace(
        tokenizer,
        pieces=tokenizer.pieces[:rows],
        scores=tokenizer.scores[:rows],
        kinds=tokenizer.kinds[:rows],
        said=tuple(said),
    )


def write_tokenizer(tokenizer: Tokenizer, writer: gguf.GGUFWriter) -> None:
    """Add everything that llama.cpp reads of a tokenizer to a GGUF's metadata."""
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(tokenizer.pieces))
    writer.add_token_scores(tokenizer.scores.tolist())
    writer.add_token_types(tokenizer.kinds.tolist())
    special = tokenizer.special
    writer.add_bos_token_id(special.bos)
    writer.add_eos_token_id(special.eos)
    writer.add_eot_token_id(special.end_of_turn)
    if special.unk is not None:
        writer.add_unk_token_id(special.unk)
    if special.pad is not None:
        writer.add_pad_token_id(special.pad)
    writer.add_add_bos_token(tokenizer.add_bos)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(tokenizer.chat_template)


def _optional_json(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}


def _apply_added(table: PieceTable, folder: Path, config: dict[str, Any]) -> None:
    """What Hugging Face's files say of pieces goes over what tokenizer.model says."""
    try:
        for piece, token in _optional_json(folder / "added_tokens.json").items():
            table.add(int(token), piece, special=False)
        for key, entry in config.get("added_tokens_decoder", {}).items():
            table.add(int(key), str(entry["content"]), special=bool(entry.get("special")))
        if (folder / "tokenizer.json").is_file():
            content = read_object(folder / "tokenizer.json")
            added = added_tokens(content)
            _require_same_pieces(table, content["model"]["vocab"], added)
            for token, (piece, special) in added.items():
                table.add(token, piece, special=special)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadCheckpoint(
            "The added tokens of the tokenizer cannot be read.",
            "Copy tokenizer_config.json, added_tokens.json and tokenizer.json of the checkpoint again.",
        ) from error


def _require_same_pieces(
    table: PieceTable, vocabulary: dict[str, int], added: Container[int]
) -> None:
    """Raises BadCheckpoint where tokenizer.json has another vocabulary than tokenizer.model."""
    known = {piece.replace(" ", SPACE): token for token, piece in enumerate(table.pieces)}
    others = (pair for pair in vocabulary.items() if known.get(pair[0]) != pair[1])
    for piece, token in others:
        if token not in added:
            raise BadCheckpoint(
                f"tokenizer.model and tokenizer.json are of two vocabularies: piece {piece!r} is token"
                f" {token} in the second one alone.",
                "Remove the one that the model was not trained with.",
            )


def _require_distinct(table: PieceTable, source: str) -> None:
    """Raises BadCheckpoint where one piece has two ids: which one the model was trained with is not known."""
    first: dict[str, int] = {}
    for token, piece in enumerate(table.pieces):
        if first.setdefault(piece, token) != token:
            raise BadCheckpoint(
                f"The piece {piece!r} is token {first[piece]} and token {token}.",
                f"{source}, tokenizer.json, tokenizer_config.json and added_tokens.json must be of one save.",
            )


def _check_bytes(ids: dict[str, int], source: str) -> None:
    missing = [byte for byte in range(256) if f"<0x{byte:02X}>" not in ids]
    if missing:
        raise BadCheckpoint(
            f"{source} lacks {len(missing)} of the 256 byte pieces, the first is 0x{missing[0]:02X}.",
            "Take the tokenizer of a Gemma 3 checkpoint.",
        )


def _special_ids(ids: dict[str, int], config: dict[str, Any], source: str) -> SpecialIds:
    def named(role: str, usual: str) -> int | None:
        entry = config.get(f"{role}_token")
        piece = entry.get("content") if isinstance(entry, dict) else entry
        return ids.get(piece or usual, ids.get(usual))

    bos, end_of_turn = named("bos", "<bos>"), ids.get("<end_of_turn>")
    # Instruction-tuned checkpoints often name the end of a turn here; both are needed.
    eos = ids.get("<eos>", named("eos", "<eos>"))
    if bos is None or eos is None or end_of_turn is None:
        absent = "<bos>" if bos is None else "<eos>" if eos is None else "<end_of_turn>"
        raise BadCheckpoint(
            f"{source} has no piece {absent}.", "Take the tokenizer of a Gemma 3 checkpoint."
        )
    return SpecialIds(
        bos=bos,
        eos=eos,
        end_of_turn=end_of_turn,
        unk=named("unk", "<unk>"),
        pad=named("pad", "<pad>"),
    )


def _chat_template(folder: Path, config: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """The template's source, the file's name, and what is to be said of it."""
    said = []
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            own = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadCheckpoint(
                f"{path.name} cannot be read: {error}.", "Copy it again, or remove it."
            ) from error
        if own.strip():
            return own, path.name, ()
        said.append(f"{path.name} is empty and counts as none")
    processor = _optional_json(folder / "chat_template.json")
    for name, content in (("chat_template.json", processor), ("tokenizer_config.json", config)):
        template = content.get("chat_template")
        if isinstance(template, list):
            named = {
                entry.get("name"): entry.get("template")
                for entry in template
                if isinstance(entry, dict)
            }
            template = named.get("default")
            if template is None:
                said.append(f"{name} has no default chat template, Gemma 3's is taken")
        if isinstance(template, str) and template.strip():
            return template, name, tuple(said)
    return GEMMA_TEMPLATE, _NO_TEMPLATE, tuple(said)
