"""`soro paths`: where everything lies, and why there."""

import click

from soro_edge.commands.program import Program
from soro_edge.locale import _


def run_paths(program: Program) -> None:
    """A name and a path on each line, in the language in use."""
    paths = program.paths
    modes = {"portable": _("portable"), "system": _("system")}
    lines = {
        _("data"): paths.data,
        _("config"): paths.config,
        _("logs"): paths.logs,
        _("models"): paths.models_folder,
        _("history"): paths.history_file(program.settings.profile),
        _("settings"): paths.settings_file,
        _("mode"): modes.get(paths.mode, paths.mode),
    }
    width = max(9, *map(len, lines))
    for name, place in lines.items():
        click.echo(f"{name:<{width}} {place}")
