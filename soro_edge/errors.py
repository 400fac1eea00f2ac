"""Everything that can go wrong for a user, as one tree of exceptions.

    SoroError
    ├── ModelError                 exit 3    drawn in soro_edge/model_errors.py
    ├── QuestionError              exit 4
    │   ├── EmptyQuestion
    │   ├── QuestionTooLong            longer than the context window
    │   │   └── InputTooLong               longer than anything that can be asked
    │   └── NotUtf8
    ├── EngineError                exit 5
    │   ├── EngineDied                 the child process ended by itself, in an answer
    │   ├── EngineDiedLoading          it ended by itself while it loaded the model
    │   ├── EngineFailed               a fault in it; it goes on
    │   │   └── DecodeFailed               llama.cpp could not compute a step
    │   └── EngineSilent               it did not start, or answered nonsense
    ├── StorageError               exit 6
    │   ├── FolderNotWritable
    │   ├── HistoryPathTooLong         longer than SQLite takes
    │   ├── NoFolder                   no folder of that name to write into
    │   ├── OutputNotWritable          the file that a command was told to write
    │   │   ├── OutputExists               it is there already
    │   │   └── OutputIsOurs               it is one of the program's own
    │   ├── DiskFull
    │   ├── TooManyOpenFiles           the system allows this program, or all, no more
    │   ├── HistoryBusy                another program holds the history
    │   ├── HistoryDamaged
    │   ├── HistoryTooNew              written by a newer version
    │   ├── NoConversation
    │   │   └── ConversationGone           another window deleted it
    │   └── NothingToRepeat            `again` where nothing was asked
    ├── SettingsError              exit 2    a line of settings.toml
    │   ├── NoSetting                  no setting of that name
    │   ├── SettingsNotReadable        the file is no TOML, or cannot be opened
    │   ├── BadOption                  given on the command line
    │   └── BadVariable                given in a SORO_* variable
    ├── NoTerminal                 exit 2    the full screen needs one
    ├── Interrupted                exit 130  by Ctrl-C, SIGTERM or a closed terminal
    ├── UnusableAnswer             exit 7   the answer looped or stayed empty
    ├── ConversionFailed           exit 8   `soro convert` says why; its sentences are English
    │   └── NoConverter                no checkout, or no packages of the group `convert`
    ├── StickError                 exit 10  drawn in soro_edge/stick/errors.py
    └── EvaluationFailed           exit 9   `soro eval` says why; its sentences are English

Each class has a message and a hint, English msgids whose {fields} are filled when the error is
shown; `str(error)` and `error.advice` are in the language in use. The CLI and the TUI render them
and nobody else does. What a stranger's file put into a field steers no terminal. This module knows no
other but the catalogue of translations and that filter.
"""

from typing import ClassVar

from soro_edge.control_characters import without_control_characters
from soro_edge.locale import N_, _

Field = str | int | float


class SoroError(Exception):
    """One sentence on what happened, one on what to do, and the program's exit code."""

    message: ClassVar[str] = N_("Something went wrong.")
    hint: ClassVar[str] = N_("Run `soro doctor` to see what is wrong.")
    exit_code: ClassVar[int] = 1

    def __init__(self, **fields: Field) -> None:
        super().__init__()
        self.fields = fields

    def __str__(self) -> str:
        return without_control_characters(_(self.message).format(**self.fields))

    @property
    def advice(self) -> str:
        """What the person can do now, in the language in use."""
        return without_control_characters(_(self.hint).format(**self.fields))


class QuestionError(SoroError):
    exit_code = 4


class EmptyQuestion(QuestionError):
    message = N_("The question is empty.")
    hint = N_('Write the question after the command: soro ask "What is a cell?"')


class QuestionTooLong(QuestionError):
    message = N_("The question is too long: {have_tokens} tokens, and {room_tokens} fit.")
    hint = N_("Ask about a shorter part of the text.")


class InputTooLong(QuestionTooLong):
    message = N_("The question is too long: at most {limit_megabytes} MB can be read.")


class NotUtf8(QuestionError):
    message = N_("The text is not UTF-8 (byte {position}).")
    hint = N_("Save the file as UTF-8 and try again.")


class EngineError(SoroError):
    exit_code = 5


class EngineDied(EngineError):
    message = N_("The language model stopped unexpectedly ({cause}).")
    hint = N_("What was written so far is kept. Ask again: it starts anew.")


class EngineDiedLoading(EngineError):
    message = N_("The language model stopped unexpectedly while it was loaded ({cause}).")
    hint = N_("Use another model: `soro models list`.")


class EngineFailed(EngineError):
    message = N_("The language model failed: {reason}")
    hint = N_("What was written so far is kept. Run `soro doctor`: it says what is wrong.")


class DecodeFailed(EngineFailed):
    message = N_("The language model could not compute the answer (llama_decode: {status}).")


class EngineSilent(EngineError):
    message = N_("The language model did not start: {reason}")
    hint = N_("Run `soro doctor`: it says what is wrong.")


class StorageError(SoroError):
    exit_code = 6


class FolderNotWritable(StorageError):
    message = N_("Nothing can be written to the folder {path}: {reason}")
    hint = N_("Allow writing there, or name another folder in the variable SORO_HOME.")


class HistoryPathTooLong(StorageError):
    message = N_(
        "The path of the history is too long: {have_bytes} bytes, and {most_bytes} fit: {path}"
    )
    hint = N_(
        "Move the folder of Soro nearer to the top of the disk, or name another in SORO_HOME."
    )


class NoFolder(StorageError):
    message = N_("There is no folder {path}.")
    hint = N_("Plug the stick in, and name its folder.")


class OutputNotWritable(StorageError):
    message = N_("The file {path} cannot be written: {reason}")
    hint = N_("Name another file, in a folder that is there.")


class OutputExists(OutputNotWritable):
    message = N_("There is a file of that name already: {path}")
    hint = N_("Name another file, or add --force to replace it.")


class OutputIsOurs(OutputNotWritable):
    message = N_("Soro keeps its own data there: {path}")
    hint = N_("Name a file in another folder.")


class DiskFull(StorageError):
    message = N_("The disk is full: {path}")
    hint = N_("Free some space. What is on the screen is not saved until then.")


class TooManyOpenFiles(StorageError):
    message = N_("The computer lets no more files be opened.")
    hint = N_("Close other programs and try again.")


class HistoryBusy(StorageError):
    message = N_("Another program is using the history: {path}")
    hint = N_("Close the other window of Soro and try again.")


class HistoryDamaged(StorageError):
    message = N_("The history is damaged: {path}")
    hint = N_("Close Soro and open it again: it repairs what it can; the damaged file is kept.")


class HistoryTooNew(StorageError):
    message = N_("The history was written by a newer version of Soro: {path}")
    hint = N_("Install the newer version on this computer as well.")


class NoConversation(StorageError):
    message = N_("There is no conversation number {id}.")
    hint = N_("See the numbers with `soro history list`.")


class ConversationGone(NoConversation):
    message = N_("This chat was deleted in another window of Soro.")
    hint = N_("Begin a new one (F4).")


class NothingToRepeat(StorageError):
    message = N_("There is no question to answer again.")
    hint = N_("Write a question first.")


class SettingsError(SoroError):
    message = N_("The setting {name} cannot be «{value}»: {reason}")
    hint = N_("Correct the line in the file {path}, or delete it.")
    exit_code = 2


class NoSetting(SettingsError):
    message = N_("There is no setting named «{name}».")


class SettingsNotReadable(SettingsError):
    message = N_("The settings cannot be read: {path}: {reason}")
    hint = N_("Correct the file, or delete it: without it everything is as at first.")


class BadOption(SettingsError):
    hint = N_("Correct the option {source} of the command.")


class BadVariable(SettingsError):
    hint = N_("Correct the environment variable {source}, or remove it.")


class Interrupted(SoroError):
    message = N_("Soro was interrupted.")
    hint = N_("What was written so far is kept: `soro history list`.")
    exit_code = 130


class NoTerminal(SoroError):
    message = N_("The tutor needs a terminal: its input or output goes elsewhere.")
    hint = N_("Ask with `soro ask`, or talk in plain lines with `soro chat`.")
    exit_code = 2


class ConversionFailed(SoroError):
    message = N_("{reason}")
    hint = N_("{advice}")
    exit_code = 8


class NoConverter(ConversionFailed):
    message = N_("The converter is not here: the module {module} is missing.")
    hint = N_(
        "Run `uv sync --group convert` in a checkout of Soro Edge, and `uv run soro convert`."
    )


class EvaluationFailed(SoroError):
    message = N_("{reason}")
    hint = N_("{advice}")
    exit_code = 9


class UnusableAnswer(SoroError):
    message = N_("The model repeated itself or gave no answer.")
    hint = N_("Ask again, or in other words.")
    exit_code = 7


def error_classes() -> dict[str, type[SoroError]]:
    """Every class of the tree by name, so that an error can cross a process's edge."""
    found: dict[str, type[SoroError]] = {}
    waiting: list[type[SoroError]] = [SoroError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return found
