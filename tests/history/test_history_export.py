"""Exports: whole outputs, and nothing of the text becomes markup."""

import os
import re
import time
from collections.abc import Iterator
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.history.export import to_html, to_markdown, to_text
from soro_edge.history.values import Conversation

CONVERSATION = Conversation(
    id=1, title="Масоҳати <доира>", created=1_700_000_000.0, updated=1_700_000_000.0, messages=3
)
MESSAGES = [
    Message(id=1, role=Role.USER, text="Масоҳати доира?\n2 * r & <b>"),
    Message(id=2, role=Role.ASSISTANT, text="Формула: **πr²**\n\n- як\n- ду"),
    Message(id=3, role=Role.USER, text="# Боз"),
    Message(id=4, role=Role.ASSISTANT, text="```\nкод", state=AnswerState.WRITING),
]


@pytest.fixture(autouse=True)
def dushanbe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        yield
        return
    with monkeypatch.context() as patch:
        patch.setitem(os.environ, "TZ", "UTC-5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(os.name == "nt", reason="the time zone cannot be set")
def test_plain_text() -> None:
    assert (
        to_text(CONVERSATION, MESSAGES)
        == """\
Масоҳати <доира>
================

2023-11-15 03:13

Question:
Масоҳати доира?
2 * r & <b>

Answer:
Формула: **πr²**

- як
- ду

Question:
# Боз

Answer:
```
код

(The answer is not whole.)

--
Soro can make mistakes. Check important information.
"""
    )


@pytest.mark.skipif(os.name == "nt", reason="the time zone cannot be set")
def test_markdown() -> None:
    assert (
        to_markdown(CONVERSATION, MESSAGES)
        == r"""# Масоҳати \<доира\>

2023-11-15 03:13

## Question

Масоҳати доира?\
2 \* r \& \<b\>

## Answer

Формула: **πr²**

- як
- ду

## Question

\# Боз

## Answer

```
код
```

*The answer is not whole.*

---

Soro can make mistakes. Check important information.
"""
    )


def test_html_is_one_safe_page_in_the_conversations_language() -> None:
    hostile = [
        Message(id=1, role=Role.USER, text="</div><script>alert(1)</script>"),
        Message(
            id=2,
            role=Role.ASSISTANT,
            text='<img src="http://x/y.png"> ![а](http://x/z.png) [б](javascript:alert(1))',
        ),
    ]
    page = to_html(CONVERSATION, [*MESSAGES, *hostile])
    assert page.startswith('<!DOCTYPE html>\n<html lang="tg">')
    assert "<title>Масоҳати &lt;доира&gt;</title>" in page
    assert "<strong>πr²</strong>" in page and "<li>ду</li>" in page
    assert '<div class="question">Масоҳати доира?\n2 * r &amp; &lt;b&gt;</div>' in page
    assert "<script" not in page and "<img" not in page and 'href="javascript' not in page
    assert "@import" not in page and "url(" not in page and "<link" not in page
    assert '<html lang="ru">' in to_html(CONVERSATION, [], language="ru")


def shown(markdown: str) -> str:
    """The text that a reader of rendered Markdown sees."""
    page = MarkdownIt("gfm-like", {"linkify": False}).render(markdown)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", page)).split())


line = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8)


@given(st.lists(st.lists(line, max_size=4).map(" ".join), min_size=1, max_size=4).map("\n".join))
def test_a_question_reads_in_markdown_as_it_was_written(question: str) -> None:
    empty = shown(to_markdown(CONVERSATION, [Message(id=1, role=Role.USER, text="")]))
    full = shown(to_markdown(CONVERSATION, [Message(id=1, role=Role.USER, text=question)]))
    begin = empty.index("Question") + len("Question")
    assert full[begin : len(full) - len(empty[begin:])].split() == question.split()
