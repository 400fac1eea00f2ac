"""`soro doctor`: is this computer able, is the program whole, does a real token come out?

The checks are values: the terminal prints them, the page for the stick holds them.
"""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import click
import psutil

from soro_edge import __version__
from soro_edge.commands.program import AnswerOptions, Program
from soro_edge.engine.api import (
    Finished,
    GenerationRequest,
    KvCacheType,
    ModelInfo,
    TextPiece,
)
from soro_edge.engine.hardware import default_threads, free_memory_bytes, total_memory_bytes
from soro_edge.engine.tuning import Tuning, processor_name, read_tuning
from soro_edge.errors import HistoryDamaged, SoroError
from soro_edge.locale import _
from soro_edge.manifest import Manifest
from soro_edge.memory import MemoryPlan
from soro_edge.models import check_memory
from soro_edge.paths import make_folder

FONT_LINE = "Ғғ Ӣӣ Ққ Ӯӯ Ҳҳ Ҷҷ"
SLOW_TOKENS_PER_SECOND = 4.0
"""Slower than a pupil of the fifth class reads: two or three words of Tajik in two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at, in the language in use."""

    name: str
    text: str
    """What was seen, or what is wrong."""
    hint: str = ""
    """What to do, where something is wrong."""
    exit_code: int = 0
    """0 where all is well."""
    stops_answers: bool = False
    """Whether no answer can be had before it is mended."""
    is_slow: bool = False
    is_warning: bool = False
    """Something is wrong that does not count as a failure."""

    @property
    def is_well(self) -> bool:
        return not self.exit_code and not self.is_warning


def run_doctor(program: Program) -> int:
    """Print a line for each check and a verdict; the exit code of the last failure, or 0."""
    checks = []
    for check in examine(program):
        click.echo(check_line(check))
        checks.append(check)
    click.echo("\n" + verdict(checks))
    return exit_code(checks)


def check_line(check: Check) -> str:
    """For a terminal and for the page that a teacher carries back."""
    line = f"{'ok' if check.is_well else '!!':<4} {check.name:<14} {check.text}"
    return f"{line}\n{'':<19} {check.hint}" if check.hint else line


def exit_code(checks: Sequence[Check]) -> int:
    return next((check.exit_code for check in reversed(checks) if check.exit_code), 0)


def verdict(checks: Sequence[Check]) -> str:
    """All of it in one sentence, for a person who reads nothing else."""
    failed = [check for check in checks if not check.is_well]
    names = ", ".join(dict.fromkeys(f"«{check.name}»" for check in failed))
    if any(check.stops_answers for check in failed):
        return _("Soro cannot answer on this computer yet: see {names} above.").format(names=names)
    if failed:
        return _("Soro answers on this computer, but see {names} above.").format(names=names)
    if any(check.is_slow for check in checks):
        return _("All is well, but this computer is slow: a smaller model would answer sooner.")
    return _("All is well: Soro can be used on this computer.")


def examine(program: Program) -> Iterator[Check]:
    """Each check when it is done; the model's come last, because they take a while."""
    for name, check in (
        (_("program"), _program),
        (_("settings"), lambda: _settings(program)),
        (_("processor"), lambda: _processor(program)),
        (_("memory"), _memory),
        (_("disk"), lambda: _disk(program)),
        (_("console"), _console),
        (_("letters"), lambda: FONT_LINE + "  " + _("(six pairs of letters; no boxes?)")),
        (_("history"), lambda: _history(program)),
    ):
        yield _examined(name, check)
    yield _examined(_("model file"), lambda: _model_file(program), stops_answers=True)
    yield _examined(_("memory needed"), lambda: _memory_needed(program), stops_answers=True)
    yield from _answer(program)
    for error in program.models.read().unreadable:  # it keeps nobody from the other models
        yield Check(name=_("model file"), text=str(error), hint=error.advice, is_warning=True)


def _examined(name: str, check: Callable[[], str], *, stops_answers: bool = False) -> Check:
    try:
        return Check(name=name, text=check())
    except SoroError as error:
        return Check(
            name=name,
            text=str(error),
            hint=error.advice,
            exit_code=error.exit_code,
            stops_answers=stops_answers,
        )


def _answer(program: Program) -> Iterator[Check]:
    """A real token, and the build of llama.cpp that made it."""
    heard: list[FirstAnswer] = []

    def first_token() -> str:
        heard.append(_first_token(program))
        return _("«{text}», {speed:.1f} tokens a second").format(
            text=heard[0].text, speed=heard[0].tokens_per_second
        )

    check = _examined(_("first token"), first_token, stops_answers=True)
    if heard:
        yield replace(check, is_slow=heard[0].tokens_per_second < SLOW_TOKENS_PER_SECOND)
        yield Check(name=_("engine"), text=engine_line(heard[0].info.variant))
        tuning = read_tuning(program.paths.tuning_file)
        yield Check(name=_("attention"), text=attention_line(heard[0].info, tuning))
    else:
        yield replace(check, hint=f"{check.hint} {_('The log:')} {program.paths.engine_log}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What the engine said to a greeting."""

    text: str
    tokens_per_second: float
    info: ModelInfo


def _program() -> str:
    return f"Soro Edge {__version__}, Python {platform.python_version()}, {platform.platform()}"


def _settings(program: Program) -> str:
    for fault in program.faults:
        raise fault
    return str(program.paths.settings_file)


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
        if history.check():
            file = program.paths.history_file(program.settings.profile)
            raise HistoryDamaged(path=str(file))
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


def _first_token(program: Program) -> FirstAnswer:
    from soro_edge.chat.template import Turn, render

    manifest = program.manifest()
    engine = program.engine(manifest, saves_states=False)
    options = program.chat_options(manifest, AnswerOptions(max_tokens=16))
    try:
        info = engine.load()
        prompt = render([Turn(question=_("Good day!"))], options.system, info)
        text, speed = "", 0.0
        for event in engine.generate(GenerationRequest(prompt=prompt, max_tokens=16)):
            if isinstance(event, TextPiece):
                text += event.text
            elif isinstance(event, Finished):
                speed = event.statistics.tokens_per_second
        return FirstAnswer(text=" ".join(text.split())[:30], tokens_per_second=speed, info=info)
    finally:
        engine.close()


def attention_line(info: ModelInfo, tuning: Tuning | None) -> str:
    """Which KV cache and attention the engine has taken, and why."""
    taken = f"{info.kv_cache_type.value.upper()}, " + (
        _("flash attention") if info.flash_attention else _("plain attention")
    )
    if tuning and tuning.kv_cache_type is not KvCacheType.AUTO:
        return _("{taken}: it measured the quickest here").format(taken=taken)
    if info.f16_in_hardware:
        return taken
    if info.kv_cache_type is KvCacheType.F32:
        return _("{taken}: the quickest on a processor without F16C").format(taken=taken)
    return _("{taken}: F32 is quicker here, but needs more memory than is free").format(taken=taken)


def engine_line(variant: str) -> str:
    """Which of the builds of llama.cpp runs here."""
    if variant:
        return _("llama.cpp, variant for {variant}").format(variant=variant)
    return _("llama.cpp, built on this computer")
