"""`soro models …` as a teacher would use it, with real processes and a tiny model."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_commands import soro
from tests.cli.test_errors import complaint
from tests.gguf_bytes import gguf, tensor, text

pytestmark = [pytest.mark.native, pytest.mark.usefixtures("known_starter")]

STARTER = "smollm2-135m-instruct"


def listed() -> dict[str, dict[str, object]]:
    done = soro("models", "list", "--json")
    assert done.returncode == 0
    return {model["name"]: model for model in json.loads(done.stdout)}


def asked(*words: str) -> subprocess.CompletedProcess[bytes]:
    return soro("ask", "салом", "--max-tokens", "2", "--no-history", *words)


def test_a_model_is_added_listed_used_and_removed(tiny_model: Path, own_home: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    models = listed()
    assert models["tiny"]["in_use"] and models["tiny"]["file_is_here"]
    assert not models[STARTER]["in_use"]
    assert asked().returncode in (0, 7)
    done = soro("models", "remove", "tiny", given="не\n".encode())
    assert done.returncode == 0 and b"Nothing was deleted." in done.stderr and "tiny" in listed()
    assert soro("models", "remove", "tiny", "--yes").returncode == 0
    assert listed()[STARTER]["in_use"] and not list((own_home / "models").iterdir())
    done = soro("models", "remove", STARTER, "--yes")
    assert done.returncode == 3 and "came with the program" in complaint(done)


def test_a_file_is_run_where_it_lies(tiny_model: Path, own_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "дар ин ҷо.gguf"
    file.write_bytes(tiny_model.read_bytes())
    assert asked("--model", str(file)).returncode in (0, 7)
    assert not (own_home / "models").exists() and "tiny" not in listed()
    done = asked("--model", str(tmp_path / "gone.gguf"))
    assert done.returncode == 3 and "There is no file" in complaint(done)


def test_one_bad_manifest_stops_no_command(own_home: Path) -> None:
    (own_home / "models").mkdir(parents=True)
    (own_home / "models" / "bad.toml").write_text("?")
    (own_home / "models" / "._m.toml").write_bytes(b"\x00\x05\x16\x07")
    assert asked().returncode == 0
    done = soro("models", "list")
    assert done.returncode == 0 and b"bad.toml" in done.stderr and b"._m" not in done.stderr
    assert b"bad.toml" in soro("models", "verify").stderr
    done = soro("doctor")
    assert done.returncode == 0 and b"bad.toml" in done.stdout
    assert soro("models", "remove", "bad", "--yes").returncode == 0


def llama(template: str | None) -> bytes:
    """A header that no weights follow: llama.cpp refuses it when it is loaded."""
    pairs = [text("general.architecture", "llama")]
    pairs += [text("tokenizer.chat_template", template)] if template else []
    return gguf(*pairs, tensors=[tensor("token_embd.weight")])


def test_what_cannot_be_loaded_does_not_become_the_model_in_use(
    tmp_path: Path, own_home: Path
) -> None:
    (tmp_path / "m.gguf").write_bytes(llama("x"))
    done = soro("models", "add", str(tmp_path / "m.gguf"))
    assert done.returncode == 3 and "could not be loaded" in complaint(done)
    assert not list((own_home / "models").iterdir())
    assert asked().returncode == 0


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "time"),
        ("{{ 1 // (messages | length - messages | length) }}", "ZeroDivisionError"),
        ("{% for m in messages %}{{ m.role }}{% endfor %}", "leaves out or changes"),
    ],
)
def test_a_hostile_template_is_found_when_the_model_is_added(
    tmp_path: Path, own_home: Path, template: str, told: str
) -> None:
    from soro_edge.testing.tiny_gemma3 import write_tiny_gemma3

    file = write_tiny_gemma3(tmp_path / "m.gguf", chat_template=template)
    done = soro("models", "add", str(file))
    assert done.returncode == 3 and told in complaint(done)
    assert not list((own_home / "models").iterdir())
