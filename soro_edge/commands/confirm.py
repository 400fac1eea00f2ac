"""A yes-or-no question in a terminal, in the language of the interface. Knows nothing of what is asked."""

import sys

import click

from soro_edge.locale import _

YES = frozenset({"ҳа", "ха", "да", "yes", "y"})
"""In every language: many type Tajik without its own letters, or answer in Russian."""
NO = frozenset({"не", "нет", "no", "n"})


def confirm(question: str) -> bool:
    """Ask on stderr until the answer is a yes or a no. The end of the input is a no."""
    while True:
        click.echo(f"{question} [{_('yes')}/{_('no')}]: ", nl=False, err=True)
        line = typed_line()
        answer = line.strip().casefold()
        if answer in YES:
            return True
        if answer in NO:
            return False
        if not line:
            click.echo(err=True)
            return False
        click.echo(_("Please answer «{yes}» or «{no}».").format(yes=_("yes"), no=_("no")), err=True)


def typed_line() -> str:
    """With its end; empty at the end of the input. Any bytes are taken."""
    line = sys.stdin.buffer.readline() if sys.stdin else b""
    return line.decode("utf-8", "replace")
