"""A conversation as a text to keep, print or hand in: Markdown, plain text, HTML.

Values in, text out: nothing is read or written here. Questions are shown letter for letter. Answers are
the Markdown that the model wrote: Markdown and plain text give it as it is, HTML as markup/ reads it.
"""

import re
from collections.abc import Sequence
from html import escape

from soro_edge.chat.endings import how_it_ended
from soro_edge.chat.messages import Message, Role
from soro_edge.history.titles import one_line, title_of
from soro_edge.history.values import Conversation
from soro_edge.html_page import html_page
from soro_edge.locale import _, local_time

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_SPECIAL_AT_LINE_START = re.compile(r"^([-+=])|^(\d{1,9})([.)])")

_TITLE_LETTERS = 300
_LINE_LETTERS = 80

_STYLE = """
h2 { font-size: 1rem; margin: 1.5rem 0 0.25rem; color: #555; }
.question { white-space: pre-wrap; border-left: 4px solid #888; padding-left: 0.75rem; }
pre { white-space: pre-wrap; background: #f3f3f3; padding: 0.5rem; }
.math { font-family: "Cambria Math", "DejaVu Sans", "Noto Sans Math", sans-serif; }
pre.math { font-family: "DejaVu Sans Mono", Consolas, monospace; background: none; }
td, th { border: 1px solid #999; padding: 0.2rem 0.5rem; }
""".strip()


Whole = tuple[Conversation, Sequence[Message]]
"""A conversation and what was said in it."""


def export(
    form: str, conversations: Sequence[Whole], *, pupil: str = "", language: str = "tg"
) -> str:
    """One document in the form `md`, `txt` or `html`. `pupil` is a name for the heading, or empty."""
    if form == "html":
        return _all_to_html(conversations, pupil=pupil, language=language)
    write, between = (to_markdown, "\n\n") if form == "md" else (to_text, "\n\n\n")
    return between.join(write(*whole, pupil=pupil) for whole in conversations)


def to_markdown(conversation: Conversation, messages: Sequence[Message], *, pupil: str = "") -> str:
    """The conversation as Markdown (CommonMark)."""
    heading = _literal(whole_title(conversation, messages))
    parts = [f"# {heading}", _literal(_when_and_whose(conversation, pupil))]
    for message in messages:
        parts.append(f"## {_speaker(message)}")
        if message.role is Role.USER:
            parts.append(_literal(message.text))
        else:
            parts.append(_closed(message.text.strip()))
        if note := how_it_ended(message.state):
            parts.append(f"*{note}*")
    parts += ["---", _warning()]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_text(conversation: Conversation, messages: Sequence[Message], *, pupil: str = "") -> str:
    """The conversation as plain text."""
    title = whole_title(conversation, messages)
    parts = [
        f"{title}\n{'=' * min(len(title), _LINE_LETTERS)}",
        _when_and_whose(conversation, pupil),
    ]
    for message in messages:
        parts.append(f"{_speaker(message)}:\n{message.text.strip()}".rstrip())
        if note := how_it_ended(message.state):
            parts.append(f"({note})")
    parts.append(f"--\n{_warning()}")
    return "\n\n".join(parts) + "\n"


def to_html(
    conversation: Conversation,
    messages: Sequence[Message],
    *,
    language: str = "tg",
    pupil: str = "",
) -> str:
    """One self-contained page, ready to print; `language` is that of the conversation."""
    return html_page(
        language=language,
        title=whole_title(conversation, messages),
        date=_when_and_whose(conversation, pupil),
        style=_STYLE,
        body="\n".join([*_html_parts(messages), _html_note(_warning())]),
    )


def _all_to_html(conversations: Sequence[Whole], *, pupil: str, language: str) -> str:
    if len(conversations) == 1:
        return to_html(*conversations[0], language=language, pupil=pupil)
    body: list[str] = []
    for conversation, messages in conversations:
        body.append(f"<h1>{escape(whole_title(conversation, messages))}</h1>")
        body.append(f"<p><time>{escape(local_time(conversation.created))}</time></p>")
        body += _html_parts(messages)
    return html_page(
        language=language,
        title=_("All conversations"),
        date=pupil,
        style=_STYLE,
        body="\n".join([*body, _html_note(_warning())]),
    )


def _html_parts(messages: Sequence[Message]) -> list[str]:
    # Here: the other forms need no parser, and it takes a tenth of a second to import.
    from soro_edge.markup.markdown import answer_parser

    parser = answer_parser()
    parts: list[str] = []
    for message in messages:
        parts.append(f"<h2>{escape(_speaker(message))}</h2>")
        if message.role is Role.USER:
            parts.append(f'<div class="question">{escape(message.text)}</div>')
        else:
            parts.append(f'<div class="answer">\n{parser.render(message.text)}</div>')
        if note := how_it_ended(message.state):
            parts.append(_html_note(note))
    return parts


def _html_note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def whole_title(conversation: Conversation, messages: Sequence[Message]) -> str:
    """The title; where it is the beginning of the first question, all of that, unless it is very long."""
    question = next((one.text for one in messages if one.role is Role.USER), "")
    if conversation.title == title_of(question) and len(one_line(question)) <= _TITLE_LETTERS:
        return one_line(question) or conversation.title
    return conversation.title


def _speaker(message: Message) -> str:
    return _("Question") if message.role is Role.USER else _("Answer")


def _warning() -> str:
    return _("Soro can make mistakes. Check important information.")


def _when_and_whose(conversation: Conversation, pupil: str) -> str:
    return ", ".join(part for part in (pupil, local_time(conversation.created)) if part)


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
