"""The list of conversations. Knows their numbers and titles only; posts which one was chosen."""

from collections.abc import Iterable

from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class ConversationList(OptionList):
    """Newest first; Enter opens."""

    class Chosen(Message):
        """The pupil wants to read this conversation."""

        def __init__(self, conversation_id: int) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._titles: dict[int, str] = {}

    def fill(self, found: Iterable[tuple[int, str]], current: int | None) -> None:
        """Show these numbers and titles; `current` is marked, and highlighted unless the list is in use."""
        wanted = self.highlighted_id if self.has_focus else current
        self._titles = {}
        for number, title in found:
            self._titles.setdefault(number, title)
        self.clear_options()
        self.add_options(
            Option(f"{'▌' if number == current else ' '}{title}", id=str(number))
            for number, title in self._titles.items()
        )
        numbers = list(self._titles)
        if numbers:
            self.highlighted = (
                numbers.index(wanted) if wanted is not None and wanted in self._titles else 0
            )

    def title_of(self, conversation_id: int) -> str:
        """As it is shown; empty where it is not."""
        return self._titles.get(conversation_id, "")

    @property
    def highlighted_id(self) -> int | None:
        option = self.highlighted_option
        return int(option.id) if option and option.id else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(self.Chosen(int(event.option_id)))
