"""Laws of the engine's parts that need no native code."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from soro_edge.engine import api
from soro_edge.engine.detokenizer import StreamingDecoder
from soro_edge.engine.loops import LoopGuard
from soro_edge.engine.prefix import Checkpoint, Checkpoints, can_go_on, shared_tokens
from soro_edge.engine.wire import Count, Failed, Generate, Load, decode, encode
from soro_edge.errors import QuestionTooLong
from soro_edge.testing.scripted import GEMMA

REQUEST = api.GenerationRequest(prompt=(api.Control("<bos>"), api.Text("салом\n«»\u2028")))


def test_wire_gives_back_what_it_took() -> None:
    statistics = api.Statistics(
        prompt_tokens=1,
        reused_tokens=0,
        generated_tokens=2,
        first_token_seconds=0.5,
        decode_seconds=1.0,
        context_tokens=8,
    )
    for value in (
        Load(api.EngineOptions(model_path="/a b/ҷ.gguf")),
        Count((REQUEST.prompt, REQUEST.prompt)),
        Generate(REQUEST),
        Failed.of(QuestionTooLong(have_tokens=9, room_tokens=8)),
        api.Finished(api.FinishReason.LOOP, statistics),
        api.TextPiece("ҷ\r\n"),
        GEMMA,
    ):
        line = encode(value)  # type: ignore[arg-type]
        assert line.count(b"\n") == 1 and decode(line) == value


def test_an_error_crosses_the_wire_whole() -> None:
    error = QuestionTooLong(have_tokens=9, room_tokens=8)
    assert str(Failed.of(error).error()) == str(error)


@given(text=st.text(), cuts=st.lists(st.integers(0, 200)))
def test_streamed_text_is_decoded_whole(text: str, cuts: list[int]) -> None:
    data = text.encode("utf-8", "replace")
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    decoder = StreamingDecoder()
    pieces = [decoder.feed(data[a:b]) for a, b in itertools.pairwise(edges)]
    assert "".join(pieces) + decoder.finish() == data.decode("utf-8", "replace")
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text


@given(period=st.integers(1, 40))
def test_a_loop_is_heard(period: int) -> None:
    guard = LoopGuard()
    assert any(guard.loops(number % period) for number in range(400))


def test_no_loop_where_nothing_repeats() -> None:
    guard = LoopGuard()
    assert not any(guard.loops(number) for number in range(2000))


@given(
    ours=st.lists(st.integers(0, 2), max_size=30), theirs=st.lists(st.integers(0, 2), max_size=30)
)
def test_shared_tokens_is_the_longest_shared_start(ours: list[int], theirs: list[int]) -> None:
    shared = shared_tokens(ours, theirs)
    assert ours[:shared] == theirs[:shared]
    assert ours[shared : shared + 1] != theirs[shared : shared + 1] or shared == len(ours)


@given(kept=st.integers(0, 40), oldest=st.integers(-1, 40), window=st.integers(0, 10))
def test_one_goes_on_only_where_the_whole_window_is_there(
    kept: int, oldest: int, window: int
) -> None:
    seen = range(max(0, kept + 1 - window) if window else 0, kept)
    there = range(oldest, kept) if oldest >= 0 else range(0)
    usable = can_go_on(kept, oldest_position=oldest, window_tokens=window)
    assert not usable or set(seen) <= set(there)


@given(
    at=st.lists(st.integers(1, 500), min_size=1, max_size=20, unique=True),
    limit=st.integers(0, 6),
    asked=st.integers(1, 500),
)
def test_checkpoints_stay_in_their_memory_and_never_lie_ahead(
    at: list[int], limit: int, asked: int
) -> None:
    kept = Checkpoints(limit_bytes=limit * 10, window_tokens=32)
    for tokens in at:
        oldest = max(0, tokens - 32)
        kept.add(Checkpoint(tokens=tokens, oldest_position=oldest, data=bytearray(10)))
        assert kept.total_bytes <= limit * 10
        assert kept.positions() == sorted(set(kept.positions()))
    found = kept.nearest(asked, at_most=asked)
    assert found is None or found.tokens <= asked
    kept.forget_after(asked)
    assert all(tokens <= asked for tokens in kept.positions())
