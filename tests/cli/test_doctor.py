"""`soro doctor`, its verdict, and the page that a teacher carries back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from soro_edge import cli, locale
from soro_edge.commands import doctor
from soro_edge.commands.doctor import Check, attention_line, verdict
from soro_edge.engine.api import KvCacheType, ModelInfo
from soro_edge.paths import find_paths
from tests.engine.measured import TUNING

WELL = Check(name="disk", text="room")
SLOW = Check(name="first token", text="«Hi», 2.0 tokens a second", is_slow=True)
NO_MODEL = Check(name="model file", text="none", hint="add", exit_code=3, stops_answers=True)
ODD_MODEL = Check(name="model file", text="no TOML", hint="delete", is_warning=True)
BAD_HISTORY = Check(name="history", text="damaged", hint="close", exit_code=6)


@pytest.mark.parametrize(
    ("checks", "told", "code"),
    [
        ([WELL], "All is well: Soro can be used on this computer.", 0),
        ([WELL, SLOW], "All is well, but this computer is slow", 0),
        ([WELL, BAD_HISTORY], "Soro answers on this computer, but see «history» above.", 6),
        ([WELL, ODD_MODEL], "Soro answers on this computer, but see «model file» above.", 0),
        (
            [BAD_HISTORY, NO_MODEL, WELL],
            "Soro cannot answer on this computer yet: see «history», «model file» above.",
            3,
        ),
    ],
)
def test_the_verdict_is_one_sentence(checks: list[Check], told: str, code: int) -> None:
    assert verdict(checks).startswith(told) and verdict(checks).count(".") == 1
    assert doctor.exit_code(checks) == code


def info(**changes: Any) -> ModelInfo:
    return ModelInfo(
        name="m",
        architecture="gemma3",
        description="",
        context_tokens=512,
        chat_template=None,
        control_pieces=(),
        bos=None,
        eos=None,
        **changes,
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "F16, flash attention"),
        (
            {
                "f16_in_hardware": False,
                "kv_cache_type": KvCacheType.F32,
                "flash_attention": False,
            },
            "F32, plain attention: the quickest on a processor without F16C",
        ),
        (
            {"f16_in_hardware": False, "flash_attention": False},
            "F16, plain attention: F32 is quicker here, but needs more memory than is free",
        ),
    ],
    ids=["F16C", "no F16C", "no F16C and little memory"],
)
def test_the_attention_is_told_with_its_reason(changes: dict[str, Any], expected: str) -> None:
    assert attention_line(info(**changes), None) == expected


def test_an_attention_that_was_measured_is_told_as_measured() -> None:
    tuning = replace(TUNING, kv_cache_type=KvCacheType.F16)
    told = attention_line(info(), tuning)
    assert told == "F16, flash attention: it measured the quickest here"


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """All checks but those that load the model."""
    monkeypatch.setattr(doctor, "_model_file", lambda _program: "small: whole")
    monkeypatch.setattr(doctor, "_memory_needed", lambda _program: "1 MB")
    monkeypatch.setattr(doctor, "_answer", lambda _program: iter([WELL]))


Spoil = Callable[[Path], object]
BAD_SETTINGS: dict[str, Spoil] = {
    "folder": lambda path: path.mkdir(),
    "no TOML": lambda path: path.write_text("language = "),
    "noughts": lambda path: path.write_bytes(bytes(100)),
    "nested": lambda path: path.write_text(f"a = {'[' * 1000}{']' * 1000}"),
    "no such setting": lambda path: path.write_text("colour = 5"),
    "no such value": lambda path: path.write_text('theme = "pink"'),
}


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("spoil", BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_bad_settings_stop_neither_doctor_nor_paths(own_home: Path, spoil: Spoil) -> None:
    own_home.mkdir()
    spoil(own_home / "settings.toml")
    told = CliRunner().invoke(cli.soro, ["doctor"], standalone_mode=False)
    assert told.return_value == 2 and "!!   settings" in told.output
    assert "ok   history" in told.output and "but see «settings» above." in told.output
    told = CliRunner().invoke(cli.soro, ["paths"], standalone_mode=False)
    assert told.exit_code == 0 and not told.exception
    assert str(own_home / "settings.toml") in told.stdout
    assert "error: " in told.stderr and "settings.toml" in told.stderr
    stopped = CliRunner().invoke(cli.soro, ["history", "list"], standalone_mode=False)
    assert stopped.exception and getattr(stopped.exception, "exit_code", 0) == 2


@pytest.mark.usefixtures("no_engine")
def test_a_bad_option_stops_doctor_too() -> None:
    told = CliRunner().invoke(cli.soro, ["--language", "xx", "doctor"], standalone_mode=False)
    assert "--language" in getattr(told.exception, "advice", "") and not told.stdout


@pytest.mark.usefixtures("no_engine")
def test_the_page_holds_what_the_screen_shows_and_no_stop_as_a_failure(
    own_home: Path, tmp_path: Path
) -> None:
    log = find_paths().engine_log
    log.parent.mkdir(parents=True)
    log.write_text(
        "load: done\n"
        "graph_compute: ggml_backend_sched_graph_compute_async failed with error 1\n"
        "process_ubatch: failed to compute graph, compute status: 1\n"
        "decode: removing memory module entries for seq_id = 0, pos = [0, +inf)\n"
        "llama_decode: failed to decode, ret = 2\n"
        "llama_decode: failed to decode, ret = -3\n"
    )
    told = CliRunner().invoke(cli.soro, ["doctor", "--to-stick", str(tmp_path)])
    page = (tmp_path / "soro-computer-1.txt").read_bytes().decode("utf-8-sig").replace("\r", "")
    shown, _, _ = told.stdout.partition("Written: ")
    assert shown.strip() in page.replace("~", str(Path.home()))
    assert "All is well: Soro can be used" in page
    assert "== ENGINE\nload: done\nllama_decode: failed to decode, ret = -3\n" in page


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("language", ["tg", "ru"])
def test_the_verdict_and_the_labels_of_paths_are_translated(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SORO_LANGUAGE", language)
    told = CliRunner().invoke(cli.soro, ["doctor"]).stdout
    assert "All is well" not in told and locale._("All is well: Soro can be used") not in told
    labels = [
        line.split()[0] for line in CliRunner().invoke(cli.soro, ["paths"]).stdout.splitlines()
    ]
    assert len(labels) == 7 and not [label for label in labels if label.isascii()]
