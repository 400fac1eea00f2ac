"""A MessageLog in a list: `soro ask --no-history`, questions of the program itself, tests."""

from dataclasses import replace

from soro_edge.chat.messages import AnswerState, Message, Role


class MemoryLog:
    """Keeps a conversation as long as the process lives."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._hidden: list[Message] = []

    def messages(self) -> list[Message]:
        return list(self._messages)

    def add_question(self, text: str) -> int:
        return self._add(Role.USER, text, AnswerState.COMPLETE)

    def begin_answer(self) -> int:
        return self._add(Role.ASSISTANT, "", AnswerState.WRITING)

    def write_answer(self, answer_id: int, text: str, state: AnswerState) -> None:
        for index, message in enumerate(self._messages):
            if message.id == answer_id:
                self._messages[index] = replace(message, text=text, state=state)

    def set_aside_answer(self) -> None:
        if self._messages and self._messages[-1].role is Role.ASSISTANT:
            self._hidden.append(self._messages.pop())

    def _add(self, role: Role, text: str, state: AnswerState) -> int:
        number = 1 + len(self._messages) + len(self._hidden)
        self._messages.append(Message(id=number, role=role, text=text, state=state))
        return number
