"""A conversation's messages as the turns that the model is shown. Knows no engine and no window."""

from collections.abc import Sequence

from soro_edge.chat.letters import clean
from soro_edge.chat.messages import AnswerState, Message, Role
from soro_edge.chat.template import Turn


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """The turns that the model is shown, ending with the newest question, unanswered.

    Earlier questions whose answer is missing, empty or a loop are left out: roles must alternate,
    and a loop in the prompt breeds another.
    """
    turns, question = answered_turns(messages)
    if turns and messages[-1].role is Role.ASSISTANT and turns[-1].answer == messages[-1].text:
        turns.pop()  # asked again: its answer is about to be replaced
    return [*turns, Turn(question=question)]


def answered_turns(messages: Sequence[Message]) -> tuple[list[Turn], str]:
    """Turns with a usable answer, and the newest question, answered or not."""
    turns: list[Turn] = []
    question = ""
    for message in messages:
        if message.role is Role.USER:
            question = message.text
        elif message.text.strip() and message.state not in _UNUSABLE:
            turns.append(Turn(question=question, answer=message.text))
    return turns, question


def ends_a_sentence(draft: str) -> bool:
    """Whether `draft` may be sent as it is: most questions end so."""
    return draft.rstrip().endswith((".", "?", "!", "…"))


def whole_words(draft: str) -> str:
    """`draft` up to the last space: the word being written may still become another."""
    return clean(draft[: max(draft.rfind(" "), draft.rfind("\n"), 0)])


_UNUSABLE = frozenset({AnswerState.EMPTY, AnswerState.LOOPED})
