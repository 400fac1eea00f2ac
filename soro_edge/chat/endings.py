"""How an answer ended, as a person is told: the one sentence for each state.

The screen adds which key helps; lines and exports show the sentence alone.
"""

from soro_edge.chat.messages import AnswerState
from soro_edge.locale import _


def how_it_ended(state: AnswerState) -> str:
    """The sentence about an answer in this state; empty where there is nothing to say of it."""
    match state:
        case AnswerState.COMPLETE:
            return ""
        case AnswerState.STOPPED:
            return _("The answer was stopped.")
        case AnswerState.CUT:
            return _("The answer was cut at its greatest length.")
        case AnswerState.LOOPED:
            return _("The answer repeated itself.")
        case AnswerState.EMPTY:
            return _("There was no answer.")
        case AnswerState.WRITING | AnswerState.FAILED:
            return _("The answer is not whole.")
