"""The command `soro` as a person runs it: whole outputs, exit codes, one sentence for each failure."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from soro_edge.commands.doctor import _processor
from soro_edge.commands.program import Program
from soro_edge.engine.states import StateStore
from soro_edge.history.store import History
from soro_edge.model_errors import NoModel, NoModelYet
from soro_edge.models import ModelFolder
from soro_edge.paths import find_paths
from soro_edge.settings import Settings


def soro(*words: str, given: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `soro` with these arguments and this standard input."""
    return subprocess.run(
        [sys.executable, "-m", "soro_edge.cli", *words],
        input=given,
        capture_output=True,
        env={**os.environ, **environ},
        timeout=60,
    )


def test_help_is_in_sentences_and_names_the_exit_codes() -> None:
    text = " ".join(soro("--help").stdout.decode().split())
    assert "an offline tutor in Tajik" in text and "130 interrupted" in text
    for command in ("ask", "chat", "history", "models", "doctor", "paths", "bench"):
        assert command in text


def test_paths_lie_in_soro_home(own_home: Path) -> None:
    lines = dict(line.split(None, 1) for line in soro("paths").stdout.decode().splitlines())
    assert lines["data"] == str(own_home) and lines["mode"] == "SORO_HOME"


@pytest.mark.parametrize(
    ("words", "given", "code", "told"),
    [
        (("ask",), b"", 4, "The question is empty."),
        (("ask",), b"\xff\xfe", 4, "The text is not UTF-8 (byte 0)."),
        (("ask", "x", "--model", "none"), b"", 3, "There is no model named «none»."),
        (("history", "show", "9"), b"", 6, "There is no conversation number 9."),
        (("models", "add", "/nowhere.gguf"), b"", 3, "There is no file /nowhere.gguf."),
        (("models", "add", "/"), b"", 3, "This is a folder, not a model file: /"),
        (("ask", "x", "--max-tokens", "0"), b"", 2, "--max-tokens"),
    ],
)
def test_a_failure_is_one_sentence_and_a_code(
    words: tuple[str, ...], given: bytes, code: int, told: str
) -> None:
    done = soro(*words, given=given)
    assert done.returncode == code and told in done.stderr.decode()
    assert done.stdout == b"" and b"Traceback" not in done.stderr


def test_errors_speak_the_chosen_language() -> None:
    assert "Савол холӣ аст." in soro("ask", SORO_LANGUAGE="tg").stderr.decode()
    assert "Вопрос пуст." in soro("ask", SORO_LANGUAGE="ru").stderr.decode()


def test_a_bad_setting_is_told(own_home: Path) -> None:
    done = soro("history", "list", SORO_LANGUAGE="xx")
    assert done.returncode == 2 and b"language" in done.stderr


@pytest.mark.parametrize(
    ("words", "environ", "source"),
    [
        (("--language", "xx"), {}, "option --language"),
        (("--profile", "../x"), {"SORO_PROFILE": "mine"}, "option --profile"),
        ((), {"SORO_THREADS": "abc"}, "variable SORO_THREADS"),
        ((), {"SORO_THREADS": "513"}, "variable SORO_THREADS"),
        ((), {"SORO_CONTEXT_TOKENS": "99999999999"}, "variable SORO_CONTEXT_TOKENS"),
        (("--profile", "ҷ" * 128), {}, "option --profile"),
    ],
)
def test_a_bad_setting_says_where_it_came_from(
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    environ: dict[str, str],
    source: str,
) -> None:
    own_home.mkdir()
    (own_home / "settings.toml").write_text("max_tokens = 9\n")
    with monkeypatch.context() as given:
        for name, value in environ.items():
            given.setenv(name, value)
        told = soro(*words, "models", "list").stderr.decode()
    assert source in told and "settings.toml" not in told
    (own_home / "settings.toml").write_text("max_tokens = 0\n")
    assert "settings.toml" in soro("models", "list").stderr.decode()


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = soro("history", "list", SORO_HOME=str(blocked))
    assert done.returncode == 6 and b"Nothing can be written" in done.stderr


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_ask_writes_the_answer_and_nothing_else() -> None:
    done = soro("ask", "What is water?", "--json", "--max-tokens", "12", "--temperature", "0")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == b""
    assert told["generated_tokens"] == 12 and told["finish_reason"] == "max_tokens"
    again = soro("ask", "What is water?", "--max-tokens", "12", "--temperature", "0")
    assert again.stdout.decode() == told["text"] + "\n"
    assert soro("history", "list").stdout.decode().count("What is water?") == 2
    found = soro("history", "search", "WATER")
    assert found.returncode == 0 and b"What is water?" in found.stdout


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_standard_input_is_the_question() -> None:
    soro("ask", "--max-tokens", "2", given="Савол аз қубур".encode())
    assert "Савол аз қубур" in soro("history", "show", "1").stdout.decode()


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_what_was_streamed_is_kept_when_the_program_is_ended(name: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "soro_edge.cli", "ask", "Tell a long story.", "--seed", "3"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert child.stdout
    streamed = child.stdout.read(40).decode()
    child.send_signal(getattr(signal, name))
    streamed += child.stdout.read().decode()
    child.stdout.close()
    code = child.wait(20)
    assert code == (-9 if name == "SIGKILL" else 130)
    shown = soro("history", "show", "1").stdout.decode()
    assert "Tell a long story." in shown
    if name != "SIGKILL":  # killed outright, at most the last half second may be missing
        assert streamed.strip() in shown


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_a_model_that_is_too_large_is_refused_before_loading(own_home: Path) -> None:
    (own_home / "models").mkdir(parents=True)
    folder = ModelFolder(paths=find_paths({"SORO_HOME": str(own_home)}))
    manifest = folder.find("smollm2-135m-instruct")
    text = manifest.path.read_text(encoding="utf-8").replace("200_000_000", "999_000_000_000")
    text = text.replace('"smollm2-135m-instruct"', '"huge"')
    (own_home / "models" / "huge.toml").write_text(text, encoding="utf-8")
    done = soro("ask", "x", "--model", "huge")
    assert done.returncode == 3 and b"999000 MB" in done.stderr


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_doctor_says_ok_on_every_line() -> None:
    done = soro("doctor")
    assert done.returncode == 0, done.stdout.decode()
    *checks, empty, verdict = done.stdout.decode().splitlines()
    assert all(line.startswith("ok") for line in checks) and not empty
    assert verdict.startswith("All is well")
    assert "Ғғ Ӣӣ Ққ Ӯӯ Ҳҳ Ҷҷ" in done.stdout.decode()


@pytest.mark.parametrize(("asked", "used"), [(1, 1), (512, os.cpu_count() or 1)])
def test_doctor_says_on_how_many_cores_the_model_really_works(asked: int, used: int) -> None:
    program = Program(paths=find_paths(), settings=Settings(threads=asked))
    assert f"works on {used} of " in _processor(program)


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_doctor_and_models_info_name_the_same_memory(own_home: Path, tiny_model: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    told = [soro(*words).stdout.decode() for words in (("doctor",), ("models", "info"))]
    doctor, info = (re.search(r"memory.*?(\d+ MB with \d+ tokens)", text) for text in told)
    assert doctor and info and doctor[1] == info[1]


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_the_units_are_translated_too(own_home: Path, tiny_model: Path) -> None:
    assert soro("models", "add", str(tiny_model)).returncode == 0
    info = soro("models", "info", SORO_LANGUAGE="tg").stdout.decode()
    assert " МБ " in info and " токен" in info and " байт" in info
    assert not re.search(r"\d (MB|tokens|bytes)\b", info)
    assert " МБ " in soro("models", "list", SORO_LANGUAGE="tg").stdout.decode()


@pytest.mark.native
@pytest.mark.usefixtures("known_starter")
def test_deleting_a_conversation_deletes_what_the_model_keeps_of_it(own_home: Path) -> None:
    states = StateStore(own_home / "states", binding="a model", limit_bytes=1000)
    states.save([1, 2, 3], bytearray(b"what a pupil asked"))
    states.save([1], bytearray(b"what every lesson begins with"), lasting=True)
    with History.open(own_home / "profiles" / "default" / "history.sqlite3") as history:
        history.new_conversation().add_question("Нозанин кист?")
    assert soro("history", "delete", "1", "--yes").returncode == 0
    data = b"".join(file.read_bytes() for file in own_home.rglob("*") if file.is_file())
    assert "озанин".encode() not in data and b"what a pupil asked" not in data
    assert b"what every lesson begins with" in data


def test_chat_is_the_same_session_in_lines() -> None:
    done = soro("chat", "--max-tokens", "4", given="Салом\n\n".encode())
    assert done.returncode == 0
    assert "Салом" in soro("history", "list").stdout.decode()


def test_where_no_model_is_nobody_is_told_of_a_nameless_one(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ModelFolder(paths=find_paths({"SORO_HOME": str(own_home)}))
    monkeypatch.setattr(ModelFolder, "file", lambda _self, _manifest: own_home / "absent.gguf")
    with pytest.raises(NoModelYet):
        folder.find("")
    with pytest.raises(NoModel, match="absent"):
        folder.find("absent")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nosuch",), "Хато: Фармони 'nosuch' нест."),
        (("history", "show"), "Хато: Аргумент намерасад"),
        (("ask", "x", "--max-tokens", "0"), "Хато: Қимати '--max-tokens' нодуруст: 0 дар ҳудуди"),
    ],
)
def test_a_wrong_usage_is_told_in_the_language_in_use(
    own_home: Path, words: tuple[str, ...], told: str
) -> None:
    done = soro(*words, SORO_LANGUAGE="tg")
    text = done.stderr.decode()
    assert done.returncode == 2 and text.startswith("Истифода: ") and told in text
    assert not re.search("Usage|Error|No such|Missing|Invalid|Try ", text)
    assert soro("--language", "ru", *words).stderr.decode().startswith("Использование: ")
    own_home.mkdir()
    (own_home / "settings.toml").write_text('language = "ru"\n')
    environ = {name: value for name, value in os.environ.items() if name != "SORO_LANGUAGE"}
    command = [sys.executable, "-m", "soro_edge.cli", *words]
    done = subprocess.run(command, capture_output=True, env=environ, timeout=60)
    assert "Ошибка: " in done.stderr.decode()


@pytest.mark.parametrize(
    "words", [("paths",), ("history", "list"), ("models", "list"), ("--help",)]
)
def test_a_reader_that_has_gone_is_no_fault(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "soro_edge.cli", *words]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert done.returncode == 0 and b"error" not in done.stderr
