"""What this machine can give: threads and memory. Knows no model."""

import psutil


def default_threads() -> int:
    """Physical cores: a second thread on one core only takes the first one's place."""
    return psutil.cpu_count(logical=False) or 1


def free_memory_bytes() -> int:
    """Memory that can be had without swapping."""
    return int(psutil.virtual_memory().available)


def total_memory_bytes() -> int:
    return int(psutil.virtual_memory().total)
