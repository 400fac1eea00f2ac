"""A conversation as a text to keep, print or hand in: Markdown, plain text, HTML.

Values in, text out: nothing is read or written here. Questions are shown letter for letter; answers
are the Markdown that the model wrote, shown as such or rendered with raw HTML and images disabled.
"""

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt

from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.history.values import Conversation
from soro_edge.html_page import html_page
from soro_edge.locale import _, local_time

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_SPECIAL_AT_LINE_START = re.compile(r"^([-+=])|^(\d{1,9})([.)])")

_STYLE = """
h2 { font-size: 1rem; margin: 1.5rem 0 0.25rem; color: #555; }
.question { white-space: pre-wrap; border-left: 4px solid #888; padding-left: 0.75rem; }
pre { white-space: pre-wrap; background: #f3f3f3; padding: 0.5rem; }
td, th { border: 1px solid #999; padding: 0.2rem 0.5rem; }
""".strip()


def to_markdown(conversation: Conversation, messages: Sequence[Message]) -> str:
    """The conversation as Markdown (CommonMark)."""
    parts = [f"# {_literal(conversation.title)}", _date(conversation)]
    for message in messages:
        parts.append(f"## {_speaker(message)}")
        if message.role is Role.USER:
            parts.append(_literal(message.text))
        else:
            parts.append(_closed(message.text.strip()))
        if note := _note(message):
            parts.append(f"*{note}*")
    parts += ["---", _warning()]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_text(conversation: Conversation, messages: Sequence[Message]) -> str:
    """The conversation as plain text."""
    title = conversation.title
    parts = [f"{title}\n{'=' * len(title)}", _date(conversation)]
    for message in messages:
        parts.append(f"{_speaker(message)}:\n{message.text.strip()}".rstrip())
        if note := _note(message):
            parts.append(f"({note})")
    parts.append(f"--\n{_warning()}")
    return "\n\n".join(parts) + "\n"


def to_html(
    conversation: Conversation, messages: Sequence[Message], *, language: str = "tg"
) -> str:
    """One self-contained page, ready to print; `language` is that of the conversation."""
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    body: list[str] = []
    for message in messages:
        body.append(f"<h2>{escape(_speaker(message))}</h2>")
        if message.role is Role.USER:
            body.append(f'<div class="question">{escape(message.text)}</div>')
        else:
            body.append(f'<div class="answer">\n{renderer.render(message.text)}</div>')
        if note := _note(message):
            body.append(f'<p class="note">{escape(note)}</p>')
    body.append(f'<p class="note">{escape(_warning())}</p>')
    return html_page(
        language=language,
        title=conversation.title,
        date=_date(conversation),
        style=_STYLE,
        body="\n".join(body),
    )


def _speaker(message: Message) -> str:
    return _("Question") if message.role is Role.USER else _("Answer")


def _note(message: Message) -> str:
    """How an answer ended, where it did not end well."""
    match message.state:
        case AnswerState.COMPLETE:
            return ""
        case AnswerState.EMPTY:
            return _("There was no answer.")
        case AnswerState.STOPPED:
            return _("The answer was stopped.")
        case AnswerState.LOOPED:
            return _("The answer repeated itself.")
        case AnswerState.WRITING | AnswerState.CUT | AnswerState.FAILED:
            return _("The answer is not whole.")


def _warning() -> str:
    return _("Soro can make mistakes. Check important information.")


def _date(conversation: Conversation) -> str:
    return local_time(conversation.created)


def _literal(text: str) -> str:
    """Markdown that shows `text` as it is, line by line."""
    lines = (_SPECIAL.sub(r"\\\1", line.strip()) for line in text.strip().splitlines())
    escaped = [_SPECIAL_AT_LINE_START.sub(_escape_start, line) for line in lines]
    following = [*escaped[1:], ""]
    return "\n".join(
        line + "\\" if line and after else line
        for line, after in zip(escaped, following, strict=False)
    )


def _escape_start(found: re.Match[str]) -> str:
    sign, number, after = found.groups()
    return f"\\{sign}" if sign else f"{number}\\{after}"


def _closed(text: str) -> str:
    """An answer whose last code block is closed: it may have been cut off within one."""
    fence = ""
    for line in text.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if not fence:
            fence = mark[1] if mark else ""
        elif mark and mark[1].startswith(fence) and not line.strip(" " + fence[0]):
            fence = ""
    return f"{text}\n{fence}" if fence else text
