"""What `soro tune` could have measured on the machine that runs the tests."""

import os

from soro_edge.engine.api import KvCacheType, LoadMode
from soro_edge.engine.tuning import Tuning, processor_name

TUNING = Tuning(
    processor=processor_name(),
    cores=os.cpu_count() or 1,
    threads=3,
    prefill_threads=4,
    battery_threads=2,
    prefill_batch_tokens=128,
    kv_cache_type=KvCacheType.AUTO,
    flash_attention=None,
    load_mode=LoadMode.READ,
    repack=True,
)
