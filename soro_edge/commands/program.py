"""What every command starts from: paths, settings, and the objects built from them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from soro_edge.errors import SettingsError
from soro_edge.models import ModelFolder
from soro_edge.paths import Paths, check_writable
from soro_edge.settings import Settings

if TYPE_CHECKING:
    from soro_edge.chat.session import ChatOptions
    from soro_edge.engine.api import EngineOptions
    from soro_edge.engine.client import EngineProcess
    from soro_edge.history.reading import HistoryReader
    from soro_edge.history.store import History
    from soro_edge.manifest import Manifest
    from soro_edge.memory import MemoryPlan

Opened = TypeVar("Opened", bound="HistoryReader")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """What `ask` and `chat` can be told about answers; None leaves the model's own."""

    model: str = ""
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Builds engines, histories and options."""

    paths: Paths
    settings: Settings
    faults: Sequence[SettingsError] = ()
    """What was passed over in the settings, by a command that bears it."""

    @property
    def models(self) -> ModelFolder:
        return ModelFolder(paths=self.paths)

    def manifest(self, name: str = "") -> "Manifest":
        """The model to use: the one named, or the settings', or the first one here."""
        return self.models.find(name or self.settings.model)

    def context_tokens(self, manifest: "Manifest") -> int:
        return self.settings.context_tokens or manifest.context_tokens

    def engine(self, manifest: "Manifest", *, saves_states: bool = True) -> "EngineProcess":
        """Not yet started. A single question need not write megabytes to a stick: it saves none."""
        from soro_edge.engine.client import EngineProcess

        def options() -> "EngineOptions":
            found = self.engine_options(manifest)
            return found if saves_states else replace(found, states_bytes=0)

        return EngineProcess(options, log_file=self.paths.engine_log)

    def engine_options(self, manifest: "Manifest") -> "EngineOptions":
        """As this machine was tuned, made to fit into the memory that is free now."""
        from soro_edge.engine.hardware import free_memory_bytes
        from soro_edge.engine.tuning import read_tuning
        from soro_edge.gguf_header import read_header
        from soro_edge.memory import fit_memory

        options = self.untuned_options(manifest)
        tuning = read_tuning(self.paths.tuning_file)
        if tuning is not None:
            options = tuning.apply(options)
        return fit_memory(read_header(self.models.file(manifest)), options, free_memory_bytes())

    def try_model(self, file: Path, manifest: "Manifest") -> None:
        """Load that file, lay out a conversation by its template, and let it write one token.

        Raises ModelError, EngineError.
        """
        from soro_edge.chat.template import Turn, render
        from soro_edge.engine.api import EngineOptions, GenerationRequest
        from soro_edge.engine.client import EngineProcess
        from soro_edge.engine.hardware import free_memory_bytes
        from soro_edge.errors import EngineDied, EngineDiedLoading
        from soro_edge.gguf_header import read_header
        from soro_edge.memory import fit_memory
        from soro_edge.models import check_memory

        check_memory(manifest, file, self.context_tokens(manifest))
        options = EngineOptions(
            model_path=str(file),
            context_tokens=self.context_tokens(manifest),
            threads=self.threads or None,
            checkpoint_bytes=0,
        )
        options = fit_memory(read_header(file), options, free_memory_bytes())
        engine = EngineProcess(options, log_file=self.paths.engine_log)
        try:
            info = engine.load()
            turns = [Turn(question="1 + 1", answer="2"), Turn(question="2 + 2")]
            prompt = render(turns, manifest.system, info)
            for _event in engine.generate(GenerationRequest(prompt=prompt, max_tokens=1)):
                pass
        except EngineDied as error:
            # No words are lost, and to try again would help nothing.
            raise EngineDiedLoading(**error.fields) from error
        finally:
            engine.close()

    def memory_plan(self, manifest: "Manifest") -> "MemoryPlan":
        """What the model's process would take if it were started now."""
        from soro_edge.engine.api import KvCacheType
        from soro_edge.engine.hardware import is_below_f16c
        from soro_edge.gguf_header import read_header
        from soro_edge.memory import plan_memory

        options = self.engine_options(manifest)
        if options.kv_cache_type is KvCacheType.AUTO and not is_below_f16c():
            options = replace(options, kv_cache_type=KvCacheType.F16)
        return plan_memory(read_header(self.models.file(manifest)), options)

    @property
    def threads(self) -> int:
        """What the settings ask for; 0 where they leave it to us."""
        # With more threads than processors they wait for each other, for minutes.
        return min(self.settings.threads, os.cpu_count() or 1)

    def untuned_options(self, manifest: "Manifest") -> "EngineOptions":
        """What the settings and the model ask for."""
        from soro_edge.engine.api import EngineOptions
        from soro_edge.memory import checkpoint_bytes

        path = self.models.file(manifest)
        return EngineOptions(
            model_path=str(path),
            context_tokens=self.context_tokens(manifest),
            threads=self.threads or None,
            states_folder=str(self.paths.states_folder),
            model_sha256=manifest.sha256,
            checkpoint_bytes=checkpoint_bytes(manifest.size_bytes),
        )

    def chat_options(self, manifest: "Manifest", answer: AnswerOptions) -> "ChatOptions":
        from soro_edge.chat.letters import utf8
        from soro_edge.chat.session import ChatOptions

        sampling = manifest.sampling
        if answer.temperature is not None:
            sampling = replace(sampling, temperature=answer.temperature)
        if answer.seed is not None:
            sampling = replace(sampling, seed=answer.seed)
        return ChatOptions(
            system=manifest.system if answer.system is None else utf8(answer.system),
            sampling=sampling,
            max_tokens=answer.max_tokens or self.settings.max_tokens,
        )

    def history(self) -> "History":
        from soro_edge.engine.states import forget_conversations
        from soro_edge.history.store import History

        return History.open(
            self.paths.history_file(self.settings.profile),
            erase_elsewhere=partial(forget_conversations, self.paths.states_folder),
        )

    def check_history_writable(self) -> None:
        """Raises FolderNotWritable, HistoryPathTooLong: before anything is opened or loaded."""
        from soro_edge.history.files import HistoryFiles

        files = HistoryFiles(self.paths.history_file(self.settings.profile))
        if too_long := files.path_too_long():
            raise too_long
        check_writable(files.temporary("probe"))

    def told_history(self) -> "History":
        """The same for a command in lines: what was repaired at opening goes to stderr."""
        return _told(self.history())

    def history_to_read(self) -> "HistoryReader":
        """The same for a command that only reads, where nothing can be written too."""
        from soro_edge.history.protected import open_to_read

        return _told(open_to_read(self.paths.history_file(self.settings.profile)))


def _told(history: "Opened") -> "Opened":
    if history.recovery:
        click.echo(f"{history.recovery.message} {history.recovery.advice}\n", err=True)
    return history
