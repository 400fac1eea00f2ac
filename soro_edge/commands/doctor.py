"""`soro doctor`: is this computer able, is the program whole, does a real token come out?"""

import platform
import shutil
import sys
from collections.abc import Callable

import click
import psutil

from soro_edge import __version__
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.engine.api import Finished, GenerationRequest, TextPiece
from soro_edge.engine.hardware import default_threads, free_memory_bytes, total_memory_bytes
from soro_edge.engine.tuning import processor_name, read_tuning
from soro_edge.errors import HistoryDamaged, SoroError
from soro_edge.locale import _
from soro_edge.manifest import Manifest
from soro_edge.memory import MemoryPlan
from soro_edge.models import check_memory
from soro_edge.paths import make_folder

FONT_LINE = "Ғғ Ӣӣ Ққ Ӯӯ Ҳҳ Ҷҷ"


def run_doctor(program: Program) -> int:
    """Print a line for each check; the exit code of the first failure, or 0."""
    code = 0
    variants: list[str] = []
    for name, check in (
        (_("program"), _program),
        (_("processor"), lambda: _processor(program)),
        (_("memory"), _memory),
        (_("disk"), lambda: _disk(program)),
        (_("console"), _console),
        (_("letters"), lambda: FONT_LINE + "  " + _("(six pairs of letters; no boxes?)")),
        (_("history"), lambda: _history(program)),
        (_("model file"), lambda: _model_file(program)),
        (_("memory needed"), lambda: _memory_needed(program)),
        (_("first token"), lambda: _first_token(program, variants)),
    ):
        code = _report(name, check) or code
    if variants:
        _report(_("engine"), lambda: engine_line(variants[0]))
    for error in program.models.read().unreadable:  # it keeps nobody from the other models
        click.echo(f"{'!!':<4} {_('model file'):<14} {error}\n{'':<19} {error.advice}")
    return code


def _report(name: str, check: Callable[[], str]) -> int:
    try:
        click.echo(f"{'ok':<4} {name:<14} {check()}")
    except SoroError as error:
        click.echo(f"{'!!':<4} {name:<14} {error}\n{'':<19} {error.advice}")
        return error.exit_code
    return 0


def _program() -> str:
    return f"Soro Edge {__version__}, Python {platform.python_version()}, {platform.platform()}"


def _processor(program: Program) -> str:
    tuned = read_tuning(program.paths.tuning_file)
    threads = program.threads or (tuned.threads if tuned else default_threads())
    used = _("the model works on {threads} of {cores} cores").format(
        threads=threads, cores=psutil.cpu_count()
    )
    return f"{processor_name()}, {used}, " + (_("tuned") if tuned else _("not tuned: `soro tune`"))


def _memory() -> str:
    free, total = free_memory_bytes() / 1e9, total_memory_bytes() / 1e9
    return _("{free:.1f} GB free of {total:.1f} GB").format(free=free, total=total)


def _disk(program: Program) -> str:
    folder = make_folder(program.paths.data)
    free = shutil.disk_usage(folder).free / 1e9
    return _("{free:.1f} GB free in {folder}").format(free=free, folder=folder)


def _console() -> str:
    size = shutil.get_terminal_size()
    console = sys.__stdout__ or sys.stdout  # what is printed may go to a page first
    return f"{size.columns}x{size.lines}, {console.encoding}"


def _history(program: Program) -> str:
    history = program.told_history()
    try:
        damage = history.check()
        if damage:
            file = program.paths.history_file(program.settings.profile)
            raise HistoryDamaged(path=str(file), kept=damage)
        return str(program.paths.history_file(program.settings.profile))
    finally:
        history.close()


def _model_file(program: Program) -> str:
    manifest = program.manifest()
    program.models.verify(manifest)
    path = program.models.check(manifest)
    check_memory(manifest, path, program.context_tokens(manifest))
    return f"{manifest.name}: {wholeness(manifest)}"


def wholeness(manifest: Manifest) -> str:
    """What a check that found no fault has shown."""
    if not manifest.sha256:
        return _("no part is missing; whether a byte is wrong is not known: it has no checksum")
    if manifest.sha256_from == "copy":
        return _(
            "as it was added; whether it was whole then is not known: no manifest came with it"
        )
    return _("whole")


def _memory_needed(program: Program) -> str:
    plan = program.memory_plan(program.manifest())
    parts = (
        (_("weights"), plan.weights_bytes),
        (_("conversation"), plan.cache_bytes),
        (_("earlier turns"), plan.checkpoint_bytes),
        (_("the rest"), plan.buffer_bytes + plan.program_bytes),
    )
    sum_of_parts = " + ".join(f"{name} {size / 1e6:.0f}" for name, size in parts)
    return f"{sum_of_parts} = {planned_memory(plan)}"


def planned_memory(plan: MemoryPlan) -> str:
    """The sum, and the context that it is counted for."""
    return _("{megabytes} MB with {tokens} tokens").format(
        megabytes=round(plan.total_bytes / 1e6), tokens=plan.context_tokens
    )


def _first_token(program: Program, variants: list[str]) -> str:
    from soro_edge.chat.template import Turn, render

    manifest = program.manifest()
    engine = program.engine(manifest, saves_states=False)
    options = program.chat_options(manifest, AnswerOptions(max_tokens=16))
    try:
        info = engine.load()
        variants.append(info.variant)
        prompt = render([Turn(question=_("Good day!"))], options.system, info)
        text, speed = "", 0.0
        for event in engine.generate(GenerationRequest(prompt=prompt, max_tokens=16)):
            if isinstance(event, TextPiece):
                text += event.text
            elif isinstance(event, Finished):
                speed = event.statistics.tokens_per_second
        first = " ".join(text.split())[:30]
        return _("«{text}», {speed:.1f} tokens a second").format(text=first, speed=speed)
    finally:
        engine.close()


def engine_line(variant: str) -> str:
    """Which of the builds of llama.cpp runs here."""
    if variant:
        return _("llama.cpp, variant for {variant}").format(variant=variant)
    return _("llama.cpp, built on this computer")
