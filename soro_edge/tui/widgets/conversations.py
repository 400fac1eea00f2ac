"""The list of conversations. Knows their numbers and titles only; posts which one was chosen."""

from collections.abc import Sequence

from textual.message import Message
from textual.widgets import Label, ListItem, ListView

from soro_edge.tui.services import Summary


class ConversationList(ListView):
    """Newest first; Enter opens."""

    class Chosen(Message):
        """The pupil wants to read this conversation."""

        def __init__(self, conversation_id: int) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    async def fill(self, found: Sequence[Summary], current: int | None) -> None:
        """Show these; `current` is marked."""
        await self.clear()
        items = []
        for summary in found:
            mark = "▌" if summary.id == current else " "
            items.append(
                ListItem(Label(f"{mark}{summary.title}", markup=False), name=str(summary.id))
            )
        await self.extend(items)
        if items:
            self.index = 0

    @property
    def highlighted_id(self) -> int | None:
        item = self.highlighted_child
        return int(item.name) if item and item.name else None

    def on_list_view_selected(self, event: ListView.Selected) -> None:
        event.stop()
        if event.item.name:
            self.post_message(self.Chosen(int(event.item.name)))
