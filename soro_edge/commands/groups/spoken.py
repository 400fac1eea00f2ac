"""Commands, options and arguments of click whose help is told in the language in use when it is asked for.

Docstrings and `help=` are English msgids, a paragraph each; `tests/make_catalogues.py` collects them.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from soro_edge import locale
from soro_edge.locale import _

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)
_PLACEHOLDER = re.compile("[A-Z]+(?: [A-Z]+)*")


def paragraphs(text: str) -> list[str]:
    """The msgids of a help text: each on one line, however the code breaks it."""
    return [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]


def placeholders(pattern: str) -> list[str]:
    """The msgids of `[QUESTION]...` or `INTEGER RANGE`: the words that stand for a value."""
    return _PLACEHOLDER.findall(pattern)


def _placeholders_told(pattern: str) -> str:
    return _PLACEHOLDER.sub(lambda found: _(found[0]), pattern)


class _SpokenHelp:
    """Keeps `help` in English and tells it in the language in use."""

    english: str | None = None

    @property
    def help(self) -> str | None:
        return self.english and "\n\n".join(map(_, paragraphs(self.english)))

    @help.setter
    def help(self, english: str | None) -> None:
        self.english = english


class SpokenOption(_SpokenHelp, click.Option):
    def make_metavar(self, ctx: click.Context) -> str:
        return _placeholders_told(super().make_metavar(ctx))


class SpokenArgument(click.Argument):
    def make_metavar(self, ctx: click.Context) -> str:
        return _placeholders_told(super().make_metavar(ctx))


class SpokenCommand(_SpokenHelp, click.Command):
    bears_bad_settings = False
    """Whether it runs on the settings that can be read where others cannot."""

    def __init__(self, *given: Any, bears_bad_settings: bool = False, **attributes: Any) -> None:
        super().__init__(*given, **attributes)
        self.bears_bad_settings = bears_bad_settings

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        options, *arguments = super().collect_usage_pieces(ctx)
        return [_placeholders_told(options), *arguments]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:  # click keeps it in the language of the first time
            option.help = _("Show this message and exit.")
        return option


class SpokenGroup(SpokenCommand, click.Group):
    command_class = SpokenCommand
    group_class = type

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        *others, commands = super().collect_usage_pieces(ctx)
        return [*others, _placeholders_told(commands)]


class MakerCommand(_SpokenHelp, click.Command):
    """For the model maker: English, but for its line in the list of commands."""

    def get_help(self, ctx: click.Context) -> str:
        with locale.using("en"):
            return super().get_help(ctx)


def group(**attributes: Any) -> Callable[[Callable[..., Any]], SpokenGroup]:
    return click.group(cls=SpokenGroup, **attributes)


def option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.option(*names, cls=SpokenOption, **attributes)


def argument(name: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.argument(name, cls=SpokenArgument, **attributes)
