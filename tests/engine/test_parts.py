"""Laws of the engine's parts that need no native code."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from soro_edge.engine import api
from soro_edge.engine.detokenizer import StreamingDecoder
from soro_edge.engine.loops import LoopGuard
from soro_edge.engine.prefix import reusable_tokens
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
    cached=st.lists(st.integers(0, 2), max_size=30),
    prompt=st.lists(st.integers(0, 2), min_size=1, max_size=30),
    window=st.integers(0, 10),
    oldest=st.integers(0, 30),
)
def test_kept_tokens_are_a_shared_prefix_inside_the_window(
    cached: list[int], prompt: list[int], window: int, oldest: int
) -> None:
    kept = reusable_tokens(cached, prompt, oldest_position=oldest, window_tokens=window)
    assert cached[:kept] == prompt[:kept] and kept < len(prompt)
    assert not window or kept == 0 or oldest <= max(0, kept - window)
