"""What this machine can give: threads and memory. Knows no model.

psutil is imported by those who ask: 40 ms that the first paint does not need.
"""


def default_threads() -> int:
    """Physical cores: a second thread on one core only takes the first one's place."""
    import psutil

    return psutil.cpu_count(logical=False) or 1


def free_memory_bytes() -> int:
    """Memory that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def total_memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
