"""A folder that is no checkpoint is refused before numpy and its like are loaded."""

import subprocess
import sys
from pathlib import Path

LOADS_NO_NUMPY = """
import sys
from pathlib import Path
from soro_edge.commands.convert import run_convert
from soro_edge.errors import ConversionFailed

try:
    run_convert(
        Path(sys.argv[1]), Path("m.gguf"), type="q4_0", vocabulary="full", keep_text=None,
        calibration="", calibration_tokens=None, steps=False, size="", name="", license="",
        force=False, as_json=False, verify=None,
    )
except ConversionFailed as failed:
    print(failed, sorted({"numpy", "gguf", "llama_cpp", "rich"} & set(sys.modules)))
"""


def _told_of(folder: Path) -> str:
    command = [sys.executable, "-c", LOADS_NO_NUMPY, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_no_checkpoint_is_told_before_numpy_is_loaded(tmp_path: Path) -> None:
    assert _told_of(tmp_path) == f"{tmp_path} is no checkpoint: it has no config.json. []"


def test_another_architecture_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    told = _told_of(tmp_path)
    assert "Llama" in told
    assert told.endswith("[]")
