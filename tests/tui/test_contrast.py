"""Everything that is drawn can be read: text against its background at 4.5 to 1, as WCAG wants it."""

from collections.abc import Awaitable, Callable

import pytest
from rich.color import Color, ColorType
from rich.segment import Segment
from textual.widgets import TextArea

from soro_edge.chat.messages import AnswerState
from soro_edge.errors import DiskFull
from soro_edge.tui.widgets.conversations import ConversationList
from soro_edge.tui.widgets.transcript import Transcript
from tests.tui.desk import Desk
from tests.tui.test_pictures import ANSWER

LEAST_CONTRAST = 4.5
MORE_MARKDOWN = """

# Як
## Ду
### Се
#### Чор
##### Панҷ
###### Шаш

*қиё*, **ғафс**, ~~хат~~, [пайванд](https://example.org), `рамз`

```python
def area(a: int) -> str:  # масоҳат
    return f"{a * 2}" if a > 1.5 else 'не'
```

- [ ] кор

| Як | Ду |
|---|---|
| 1 | 2 |
"""

State = Callable[[Desk], Awaitable[None]]


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = (part / 255 for part in color.get_truecolor())
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(segment: Segment) -> float:
    """Between the letters of a segment and what is behind them."""
    style = segment.style
    assert style is not None and style.color is not None and style.bgcolor is not None
    for color in (style.color, style.bgcolor):
        assert color.type is ColorType.TRUECOLOR, f"{segment.text!r} has the colour {color.name}"
    first, second = sorted((luminance(style.color), luminance(style.bgcolor)))
    return (second + 0.05) / (first + 0.05)


def unreadable(desk: Desk) -> dict[str, str]:
    """Pieces of text that stand out too little, with their contrast and colours."""
    found = {}
    for strip in desk.app.screen._compositor.render_strips():
        for segment in strip:
            if segment.text.strip() and (ratio := contrast(segment)) < LEAST_CONTRAST:
                found[segment.text.strip()] = f"{ratio:.2f} {segment.style}"
    return found


async def first_screen(desk: Desk) -> None:
    pass


async def answered(desk: Desk) -> None:
    await desk.ask("Савол")


async def written(desk: Desk) -> None:
    await desk.ask("Савол")
    desk.prompt.text = "Саволи дигар"


async def selected(desk: Desk) -> None:
    await written(desk)
    await desk.pilot.press("ctrl+a")


async def all_selected(desk: Desk) -> None:
    await answered(desk)
    desk.screen.query_one(Transcript).text_select_all()


async def in_the_list(desk: Desk) -> None:
    for question in ("Якум", "Дуюм", "Сеюм"):
        await desk.ask(question)
        await desk.pilot.press("f4")
    await desk.pilot.press("f2", "down")
    if not desk.screen.query_one(ConversationList).has_class("shown"):
        await desk.pilot.press("f2")


async def beside_the_list(desk: Desk) -> None:
    await in_the_list(desk)
    desk.prompt.focus()


async def over_the_list(desk: Desk) -> None:
    await in_the_list(desk)
    await desk.pilot.hover(ConversationList, offset=(3, 1))


async def over_the_keys(desk: Desk) -> None:
    await desk.pilot.hover("FooterKey")


async def searched(desk: Desk) -> None:
    await desk.ask("Якум")
    await desk.pilot.press("f3", *"Якум", "enter")


async def letters(desk: Desk) -> None:
    await desk.pilot.press("f7", "а")


async def notes(desk: Desk) -> None:
    transcript = desk.screen.query_one(Transcript)
    log = desk.store.new_conversation()
    for state in AnswerState:
        log.add_question("Савол")
        log.write_answer(log.begin_answer(), "Ҷавоб", state)
    await transcript.show(log.messages())
    await transcript.add_line("Хато", "failure")


async def failed(desk: Desk) -> None:
    desk.store.fails = DiskFull(path="history")
    await desk.ask("Савол")


async def told(desk: Desk) -> None:
    desk.app.notify("Огоҳӣ")


async def told_error(desk: Desk) -> None:
    desk.app.notify("Хато", severity="error")


def pressed(*keys: str) -> State:
    async def state(desk: Desk) -> None:
        await desk.ask("Якум")
        await desk.pilot.press(*keys)

    state.__name__ = " ".join(keys)
    return state


STATES: list[State] = [
    first_screen,
    answered,
    written,
    selected,
    all_selected,
    in_the_list,
    beside_the_list,
    over_the_list,
    over_the_keys,
    searched,
    letters,
    notes,
    failed,
    told,
    told_error,
    pressed("f1"),
    pressed("f2"),
    pressed("f3"),
    pressed("f6"),
    pressed("f6", "ctrl+a"),
    pressed("f8"),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_all_that_is_drawn_can_be_read(state: State, dark: bool) -> None:
    desk = Desk(ANSWER + MORE_MARKDOWN, dark=dark)

    async def act() -> None:
        await state(desk)
        desk.screen.query_one(TextArea).cursor_blink = False
        await desk.pilot.pause()
        await desk.pilot.pause()
        assert unreadable(desk) == {}

    desk.run(act, (110, 90), toasts=True)
