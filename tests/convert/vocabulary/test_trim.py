"""Trimming: what stays, and that texts of the kept scripts do not notice it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convert.errors import TooFewRows, VerificationFailed
from convert.native.llama import LlamaModel
from convert.vocabulary.bpe_merges import Merges
from convert.vocabulary.proof import (
    compare_tokenization,
    prove_vocabulary,
    write_vocabulary,
)
from convert.vocabulary.tokenizer import Tokenizer, read_tokenizer
from convert.vocabulary.trim import VocabularyPlan, plan_vocabulary
from convert.vocabulary.unicode_scripts import keeps_exactly
from tests.convert.vocabulary_models import (
    WIDTH,
    comes_back,
    corpus,
    differing_logits,
    write_tiny_model,
    write_tokenizer_model,
)

ROWS = 2400
CYRILLIC = "абвгғдеёжзийӣкқлмнопрстуӯфхҳчҷшщъыьэюяАБВГҒДЕЖЗИӢКҚЛМНОПРСТУӮФХҲЧҶШЭЮЯ"
NEUTRAL = "0123456789 \n\t.,:;!?()[]{}<>«»№“”—…+-=*/^_|\\°²³√≤≥≈×÷∑∫∞🙂✓→▁\u0304"
WORDS = [word for line in corpus() for word in line.split(" ") if keeps_exactly(word)]
FORMULA_LETTERS = st.sampled_from("xyzabnπαβΔé")
KEPT_TEXT = (
    st.lists(
        st.sampled_from(WORDS) | st.text(CYRILLIC + NEUTRAL, max_size=12) | FORMULA_LETTERS
        | st.sampled_from(["<b>", "<table>"]),
    ).map(" ".join)
    | st.text(CYRILLIC + NEUTRAL + "xπ")
).filter(keeps_exactly)  # fmt: skip
laws = settings(max_examples=150)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One vocabulary before and after, in Python and in llama.cpp."""

    tokenizer: Tokenizer
    plan: VocabularyPlan
    full: LlamaModel
    trimmed: LlamaModel

    def same(self, text: str) -> bool:
        new = [int(self.plan.kept[token]) for token in self.trimmed.tokenize(text)]
        return self.full.tokenize(text) == new


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer_model(folder)
    return read_tokenizer(folder)


@pytest.fixture(scope="module")
def pair(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("vocabularies")
    plan = plan_vocabulary(tokenizer, rows=ROWS)
    write_vocabulary(tokenizer, folder / "full.gguf")
    write_vocabulary(plan.tokenizer, folder / "trimmed.gguf")
    with (
        LlamaModel(folder / "full.gguf", vocabulary_only=True) as full,
        LlamaModel(folder / "trimmed.gguf", vocabulary_only=True) as trimmed,
    ):
        yield Pair(tokenizer=tokenizer, plan=plan, full=full, trimmed=trimmed)


@pytest.mark.native
def test_texts_of_the_kept_scripts_have_the_same_tokens(pair: Pair) -> None:
    @laws
    @given(KEPT_TEXT)
    @example("x² + 2πr ≤ 5 №3 «Салом»\n\n  и\u0304 🙂")
    def same(text: str) -> None:
        assert pair.same(text)

    same()


@laws
@given(KEPT_TEXT, st.data())
def test_every_part_of_a_kept_text_is_a_kept_text(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    assert keeps_exactly(text[begin : data.draw(st.integers(begin, len(text)))])


@pytest.mark.parametrize(
    "text", ["sin", "αβ", "日本", "سلام", "۵", "x́y", "、", "\uf0b7", "ма́нба x y"]
)
def test_what_is_promised(text: str) -> None:
    assert keeps_exactly(text) == (text in ("x́y", "ма́нба x y"))


@pytest.mark.native
def test_any_text_comes_back_as_from_the_full_vocabulary(pair: Pair) -> None:
    @laws
    @given(st.text() | KEPT_TEXT)
    @example("გამარჯობა 日本 سلام \x00")
    def back(text: str) -> None:
        assert comes_back(pair.full, text) <= comes_back(pair.trimmed, text)
        assert comes_back(pair.trimmed, text) or "▁" in text

    back()


@pytest.mark.native
def test_each_frequent_piece_is_still_made_of_its_text(pair: Pair) -> None:
    merges, trimmed = Merges(pair.tokenizer), set(pair.plan.tokenizer.pieces)
    for piece in trimmed - {""}:
        if not keeps_exactly(piece) and piece in merges.needed_by(piece):
            assert merges.needed_by(piece) <= trimmed
            assert len(pair.trimmed.tokenize(piece.replace("▁", " "))) == 1


def test_a_piece_brings_parts_that_would_not_stay_alone(tokenizer: Tokenizer) -> None:
    words = [piece for piece in tokenizer.pieces if piece.isascii() and piece.isalpha()]
    word = max(words, key=len)
    scores = tokenizer.scores.copy()
    scores[[index for index, piece in enumerate(tokenizer.pieces) if piece in word]] -= 1e5
    scores[tokenizer.pieces.index(word)] = 1
    reordered = replace(tokenizer, scores=scores)
    trimmed = plan_vocabulary(reordered, rows=ROWS).tokenizer.pieces
    assert Merges(reordered).needed_by(word) <= set(trimmed)
    assert word in trimmed


def test_the_earliest_merges_fill_the_rows(pair: Pair) -> None:
    ascii_words = [
        token
        for token in pair.tokenizer.of_kind(gguf.TokenType.NORMAL)
        if pair.tokenizer.pieces[token].strip("▁").isascii()
        and pair.tokenizer.pieces[token].strip("▁").islower()
        and not keeps_exactly(pair.tokenizer.pieces[token])
    ]
    kept = [token in set(pair.plan.kept.tolist()) for token in ascii_words]
    assert pair.plan.groups["frequent Latin"] > 100
    assert all(kept[:100])
    assert not all(kept)


def test_the_plan_keeps_scores_kinds_and_order(pair: Pair) -> None:
    plan, tokenizer = pair.plan, pair.tokenizer
    assert (plan.rows, plan.old_rows, sum(plan.groups.values())) == (ROWS, 3000, ROWS)
    assert (np.diff(plan.kept) > 0).all()
    assert plan.tokenizer.pieces == tuple(tokenizer.pieces[token] for token in plan.kept)
    np.testing.assert_array_equal(plan.tokenizer.scores, tokenizer.scores[plan.kept])
    np.testing.assert_array_equal(plan.tokenizer.kinds, tokenizer.kinds[plan.kept])
    old, new = tokenizer.special.all(), plan.tokenizer.special.all()
    assert [plan.kept[token] for token in new] == list(old)


def test_llama_cpp_knows_the_new_special_ids(pair: Pair) -> None:
    special = pair.plan.tokenizer.special
    found = (pair.trimmed.bos, pair.trimmed.eos, pair.trimmed.end_of_turn)
    assert found == (special.bos, special.eos, special.end_of_turn)
    assert pair.trimmed.is_end(special.end_of_turn)
    assert pair.trimmed.metadata("tokenizer.ggml.eot_token_id") == str(special.end_of_turn)
    assert pair.trimmed.chat_template == pair.tokenizer.chat_template


def test_only_control_pieces_that_a_chat_uses_stay(pair: Pair) -> None:
    trimmed = pair.plan.tokenizer
    control = {trimmed.pieces[token] for token in trimmed.of_kind(gguf.TokenType.CONTROL)}
    assert control == {"<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"}
    for kind in (gguf.TokenType.BYTE, gguf.TokenType.USER_DEFINED):
        assert len(trimmed.of_kind(kind)) == len(pair.tokenizer.of_kind(kind))


@pytest.mark.native
def test_a_kept_text_keeps_its_tokens(tokenizer: Tokenizer) -> None:
    text = "სალامი გამარჯობა მსოფლიო\n\nThe model path سلام دنیا"
    with_text = plan_vocabulary(tokenizer, rows=ROWS, keep_text=text)
    without = plan_vocabulary(tokenizer, rows=ROWS)
    assert with_text.groups["kept text"] > 0
    lines = {"text": text.split("\n")}
    assert prove_vocabulary(tokenizer, with_text, lines)["text"].equal == 3
    changed = prove_vocabulary(tokenizer, without, lines)["text"]
    assert (changed.lines, changed.equal, changed.promised) == (3, 1, 1)
    assert changed.more_tokens > 0


@pytest.mark.native
def test_a_broken_promise_is_found(pair: Pair) -> None:
    kept = pair.plan.kept.copy()
    kept[pair.trimmed.tokenize("ҳ")[0]] += 1
    with pytest.raises(VerificationFailed, match="splits 'ҳ' differently"):
        compare_tokenization(pair.full, pair.trimmed, kept, ["салом", "ҳ"])


def test_too_few_rows_say_how_many_are_needed(tokenizer: Tokenizer) -> None:
    with pytest.raises(TooFewRows, match=r"^100 .* too few: \d,\d\d\d pieces must stay") as raised:
        plan_vocabulary(tokenizer, rows=100)
    needed = int(raised.value.hint.split()[3].replace(",", ""))
    assert plan_vocabulary(tokenizer, rows=needed).rows == needed


@pytest.mark.parametrize("rows", [None, 3000, 5000])
def test_a_full_vocabulary_is_left_alone(tokenizer: Tokenizer, rows: int | None) -> None:
    plan = plan_vocabulary(tokenizer, rows=rows)
    assert plan.tokenizer is tokenizer
    assert plan.kept.tolist() == list(range(3000))


@pytest.mark.native
@pytest.mark.parametrize("stored", ["F32", "Q8_0", "Q4_0"])
def test_kept_pieces_have_the_same_logits_to_the_last_bit(
    pair: Pair, tmp_path: Path, stored: str
) -> None:
    kind = gguf.GGMLQuantizationType[stored]
    embedding = np.random.default_rng(5).standard_normal((3000, WIDTH)).astype(np.float32)
    full = write_tiny_model(pair.tokenizer, embedding, tmp_path / "full.gguf", kind)
    trimmed = write_tiny_model(
        pair.plan.tokenizer, embedding[pair.plan.kept], tmp_path / "trimmed.gguf", kind
    )
    with (
        LlamaModel(full, batch_tokens=16, threads=1) as a,
        LlamaModel(trimmed, batch_tokens=16, threads=1) as b,
    ):
        tokens = b.tokenize("Салом, ҷаҳон! x² + 2πr = 17. The model path\n\n<b>", add_bos=True)
        assert differing_logits(a, b, pair.plan.kept, tokens) == 0
        changed = pair.plan.kept.copy()
        changed[7] = changed[8]
        assert differing_logits(a, b, changed, tokens) > 0
