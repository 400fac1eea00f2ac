"""One sentence for each way in which an answer ends."""

import pytest

from soro_edge.chat.endings import how_it_ended
from soro_edge.chat.messages import AnswerState
from soro_edge.tui.widgets.answer import note_of


@pytest.mark.parametrize("state", AnswerState)
def test_every_ending_but_a_whole_answer_is_told_alike_on_the_screen_and_in_lines(
    state: AnswerState,
) -> None:
    sentence = how_it_ended(state)
    assert bool(sentence) == (state is not AnswerState.COMPLETE)
    assert note_of(state).startswith(sentence) and (note_of(state) != sentence) == bool(sentence)
