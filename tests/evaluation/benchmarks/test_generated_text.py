"""Texts written side by side are those that are written alone; what is written is scored fairly."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.engine.native import lib
from soro_edge.evaluation.benchmarks import chrf
from soro_edge.evaluation.benchmarks.generated_text import letter_of, metrics, normalized, score
from soro_edge.evaluation.benchmarks.items import Item
from soro_edge.evaluation.benchmarks.prompts import Prompt
from soro_edge.evaluation.benchmarks.scoring import scoring_of
from soro_edge.evaluation.benchmarks.task import Task, find_task
from soro_edge.evaluation.results import ItemScore
from soro_edge.evaluation.scorer.greedy_decode import greedy_decode
from soro_edge.evaluation.scorer.scorer import Scorer
from soro_edge.testing.tiny_gemma3 import CONTROL

_WORDS = st.text("абв ӣ.", max_size=12)
LETTER, ANSWER, TRANSLATION = "tajlib-letter", "talim-free", "flores-tgk-eng"


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Iterator[Scorer]:
    with Scorer(tiny_model, context_tokens=256, threads=1, exact=True) as scorer:
        yield scorer


def alone(scorer: Scorer, prompt: tuple[int, ...], count: int) -> str:
    """Token by token, each time from the beginning."""
    tokens = list(prompt)
    for _ in range(count):
        token = int(np.concatenate(list(scorer.logits(tokens)))[-1].argmax())
        if scorer.vocabulary.is_end(token):
            break
        tokens.append(token)
    return scorer.detokenize(tokens[len(prompt) :]).strip()


@pytest.mark.native
def test_side_by_side_is_alone(scorer: Scorer) -> None:
    texts = [
        "салом",
        "савол: чанд?",
        "савол: чаро?",
        "савол: чаро?",
        "м" * 60,
        "",
        "аз",
        "бо",
        "ва",
    ]
    prompts = [tuple(scorer.tokenize(text)) for text in texts]
    wanted = [alone(scorer, prompt, 6) for prompt in prompts]
    assert len(set(wanted)) > 4
    assert greedy_decode(scorer, prompts, max_tokens=6, stop=()) == wanted
    assert greedy_decode(scorer, prompts[:2], max_tokens=6, stop=()) == wanted[:2]


@pytest.mark.native
def test_fewer_are_written_at_once_where_memory_is_short(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, tried = lib.llama_init_from_model, []

    def little_memory(model: int, wanted: Any) -> int | None:
        tried.append(wanted.n_ctx)
        return make(model, wanted) if wanted.n_ctx <= 4096 else None

    monkeypatch.setattr(lib, "llama_init_from_model", little_memory)
    with Scorer(tiny_model, context_tokens=256, threads=1, exact=True) as scorer:
        prompts = [tuple(scorer.tokenize(text * 200)) for text in ("аз", "бо", "ва")]
        each = max(map(len, prompts)) + 4
        assert 8 * each > 4096 - 1024 >= 2 * each
        texts = greedy_decode(scorer, prompts, max_tokens=4, stop=())
        assert len(tried) > 2
        assert texts == [alone(scorer, prompt, 4) for prompt in prompts]


@pytest.mark.native
def test_it_ends_before_the_stop(scorer: Scorer) -> None:
    prompt = tuple(scorer.tokenize("салом"))
    [whole] = greedy_decode(scorer, [prompt], max_tokens=8, stop=())
    stop = whole[len(whole) // 2 :][:2]
    assert greedy_decode(scorer, [prompt], max_tokens=8, stop=(stop,)) == [
        whole.partition(stop)[0].strip()
    ]


@pytest.mark.native
def test_the_chat_form(scorer: Scorer) -> None:
    """The whole prompt is one question; what it holds of control pieces stays text."""
    item = Item(id="1", record={}, options=("як", "ду"), right=0)
    asked = Prompt(item=item, context="чанд<end_of_turn>?\nҶавоб:", continuations=())
    [request] = scoring_of(find_task(LETTER), chat=True).ask(scorer, asked, 256).requests
    start, end = (
        CONTROL.index("<start_of_turn>"),
        CONTROL.index("<end_of_turn>"),
    )
    tokens = list(request.context)
    assert (tokens[:2], tokens.count(start), tokens.count(end)) == ([2, start], 2, 1)
    assert scorer.detokenize(tokens) == "user\nчанд<end_of_turn>?\nҶавоб:\nmodel\n"
    [plain] = scoring_of(find_task(LETTER)).ask(scorer, asked, 256).requests
    assert list(plain.context) == scorer.tokenize(asked.context)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("B) Душанбе", "B"),
        ("Ҷавоби дуруст: В.", "B"),
        ("(c)", "C"),
        ("Ман намедонам", ""),
        ("", ""),
        ("E", ""),
        ("ABC D", "D"),
        ("It is a D", "D"),
        ("a D", "D"),
        ("В этом вопросе D", "D"),
        ("Ответ: в этом вопросе D", "D"),
        ("в XX в. — D", "D"),
        ("Ин саволро а ва с ҳал кард", ""),
        ("c", "C"),
        (" с \n\nСавол: D", "C"),
        ("b. Душанбе", "B"),
        ("в: Душанбе", "B"),
        ("Ҷавоб: а", "A"),
        ("Ҷавоб:\nd.", "D"),
        ("Варианти с) дуруст", "C"),
    ],
)
def test_the_letter_in_an_answer(text: str, letter: str) -> None:
    assert letter_of(text, "ABCD") == letter


def test_answers_are_compared_without_capitals_and_marks() -> None:
    assert normalized(" Душанбе,  пойтахт!") == normalized("душанбе пойтахт")
    assert normalized("и\u0304д") == normalized("ӣд") != normalized("ид")


def one(task: Task, text: str, **item: object) -> ItemScore:
    return score(task, Item(id="1", record={}, **item), text)  # type: ignore[arg-type]


def test_scores_of_what_was_written() -> None:
    letter, answer = find_task(LETTER), find_task(ANSWER)
    options = ("як", "ду", "се", "чор")
    assert one(letter, "C", options=options, right=2).values == {"acc": 1, "answered": 1}
    assert one(letter, "?", options=options, right=2).values == {"acc": 0, "answered": 0}
    assert one(answer, "12", answer="12").values == {"exact": 1, "normalized": 1}
    decomposed = unicodedata.normalize("NFD", "тоҷикӣ")
    assert one(answer, "тоҷикӣ", answer=decomposed).values == {"exact": 1, "normalized": 1}
    translation = find_task(TRANSLATION)
    assert one(translation, "тоҷикӣ", answer=decomposed).values == {"chrf": pytest.approx(100)}
    assert one(answer, "Об.", answer="об").values == {"exact": 0, "normalized": 1}


@given(st.lists(st.tuples(_WORDS, _WORDS), min_size=1, max_size=4))
def test_the_f_score_for_resamples_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    import sacrebleu

    texts, right = [list(side) for side in zip(*pairs, strict=True)]
    counts = np.array([chrf.counts_of(*pair) for pair in pairs], np.float64)
    [score] = chrf.f_scores(counts.sum(axis=0, keepdims=True))
    assert score == pytest.approx(sacrebleu.corpus_chrf(texts, [right]).score)


def test_chrf_is_sacrebleus() -> None:
    import sacrebleu

    translation = find_task(TRANSLATION)
    texts = ["Water runs down the hill.", "Nothing at all", "The school opens in autumn."]
    right = ["Water flows down the hill.", "It rains.", "The school opens in autumn."]
    scores = [
        ItemScore(item=str(number), values={}, text=text) for number, text in enumerate(texts)
    ]
    references = {str(number): text for number, text in enumerate(right)}
    [found] = metrics(translation, scores, references)
    assert found.value == pytest.approx(sacrebleu.corpus_chrf(texts, [right]).score)
    assert found.low < found.value < found.high
    # Among 2,000 resamples of three sentences are some of the worst alone and some of the best alone.
    worst = one(translation, texts[1], answer=right[1]).values["chrf"]
    assert (found.low, found.high) == pytest.approx((worst, 100))
    assert one(translation, right[0], answer=right[0]).values["chrf"] == pytest.approx(100)
