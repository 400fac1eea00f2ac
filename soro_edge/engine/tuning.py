"""What `soro tune` found out about this machine, kept in a file and taken up at each start.

Knows the file and the engine's options; the measuring is bench's.
"""

import json
import os
import platform
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from soro_edge.engine.api import EngineOptions, KvCacheType, LoadMode
from soro_edge.engine.hardware import on_battery
from soro_edge.paths import make_folder, write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The best settings of one processor."""

    processor: str
    """Whose they are: on another they are not used (a stick that moves from machine to machine)."""
    cores: int
    """Logical ones, as a second proof."""
    threads: int
    prefill_threads: int
    battery_threads: int
    """The fewest that cost little."""
    prefill_batch_tokens: int
    kv_cache_type: KvCacheType
    flash_attention: bool | None
    """None follows the processor, as in EngineOptions."""
    load_mode: LoadMode
    repack: bool

    def apply(self, options: EngineOptions) -> EngineOptions:
        """`options` with these settings, where they leave the choice open."""
        saving = on_battery()
        threads = self.battery_threads if saving else self.threads
        prefill_threads = self.battery_threads if saving else self.prefill_threads
        return replace(
            options,
            threads=options.threads or threads,
            prefill_threads=options.threads or prefill_threads,
            prefill_batch_tokens=self.prefill_batch_tokens,
            kv_cache_type=self.kv_cache_type,
            flash_attention=self.flash_attention,
            load_mode=self.load_mode,
            repack=self.repack,
        )


def processor_name() -> str:
    """As the maker calls it."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def read_tuning(file: Path) -> Tuning | None:
    """What was measured on this very machine; None where nothing was, or it cannot be read.

    A file of an earlier version lacks the KV cache's type: it is as if nothing had been measured.
    """
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        named = {field.name: stored[field.name] for field in fields(Tuning)}
        named["load_mode"] = LoadMode(named["load_mode"])
        named["kv_cache_type"] = KvCacheType(named["kv_cache_type"])
        tuning = Tuning(**named)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    numbers = (tuning.threads, tuning.prefill_threads, tuning.battery_threads)
    sane = all(isinstance(one, int) and 1 <= one <= 1024 for one in numbers)
    batch = tuning.prefill_batch_tokens
    sane = sane and isinstance(batch, int) and 1 <= batch <= 2048
    sane = sane and tuning.flash_attention in (None, False, True)
    ours = tuning.processor == processor_name() and tuning.cores == (os.cpu_count() or 1)
    return tuning if sane and ours else None


def write_tuning(file: Path, tuning: Tuning) -> None:
    """Whole or not at all. Raises StorageError."""
    make_folder(file.parent, private=True)
    write_whole(file, json.dumps(asdict(tuning), indent=1).encode("utf-8"), private=True)
