"""Where the pupil writes: several lines, Enter sends, Alt gives the six Tajik letters.

Knows nothing of the conversation: it posts PromptSubmitted.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

TAJIK_LETTERS = dict(zip("гикухчГИКУХЧ", "ғӣқӯҳҷҒӢҚӮҲҶ", strict=True))


class Prompt(TextArea):
    """The question being written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", show=False, priority=True),
        Binding("ctrl+j,alt+enter,shift+enter", "new_line", show=False, priority=True),
    ]

    class PromptSubmitted(Message):
        """The pupil pressed Enter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str, placeholder: str) -> None:
        super().__init__(
            id=id,
            placeholder=placeholder,
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
        )

    def action_submit(self) -> None:
        self.post_message(self.PromptSubmitted(self.text))

    def action_new_line(self) -> None:
        self.insert("\n")

    async def _on_key(self, event: events.Key) -> None:
        letter = TAJIK_LETTERS.get(event.key.removeprefix("alt+"))
        if event.key.startswith("alt+") and letter:
            event.stop()
            event.prevent_default()
            self.insert(letter)
            return
        await super()._on_key(event)
