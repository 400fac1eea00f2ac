"""What this machine can give: threads and memory. Knows no model.

psutil is imported by those who ask: 40 ms that the first paint does not need.
"""


def default_threads() -> int:
    """Physical cores, less one for the screen where there are three or more.

    A second thread on one core only takes the first one's place.
    """
    import psutil

    cores = psutil.cpu_count(logical=False) or 1
    return cores - 1 if cores > 2 else cores


LOWER = 1
"""Of 19 on Linux: the screen comes first. With 5 an answer came a tenth slower, also on an idle machine."""


def lower_priority() -> None:
    """This process comes after the screen and whatever else a person looks at."""
    import os
    import sys

    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(LOWER)


def is_below_avx2() -> bool:
    """Whether this is an x86 processor without AVX2; False where that cannot be told."""
    return _lacks("avx2")


def is_below_f16c() -> bool:
    """Whether this is an x86 processor without F16C, as far as the system tells: Windows tells only
    of AVX2, which came later. The engine's process knows better what its code can do."""
    return _lacks("f16c")


def _lacks(instructions: str) -> bool:
    import platform
    import sys
    from pathlib import Path

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    if sys.platform == "win32":
        import ctypes

        # PF_AVX2_INSTRUCTIONS_AVAILABLE; Windows before 10 does not know it and says no.
        return not ctypes.windll.kernel32.IsProcessorFeaturePresent(40)
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in facts.splitlines() if line.startswith("flags")), "")
    return bool(flags) and instructions not in flags.split()


def on_battery() -> bool:
    """Whether the machine runs on its battery now; False where there is none."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False


def free_memory_bytes() -> int:
    """Memory that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def total_memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
