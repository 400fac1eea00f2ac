"""A small stick with a program that is a shell script: real files, real processes, no model."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soro_edge import locale
from soro_edge.stick.installed import Installation
from soro_edge.stick.installing import Order, Step, install
from soro_edge.stick.making import make_stick
from soro_edge.stick.manifest import Group
from soro_edge.stick.planning import StickOptions
from soro_edge.stick.reading import open_stick
from soro_edge.stick.signing import Signature, make_key, sign

GB = 1_000_000_000
PROGRAM = """#!/bin/sh
# Answers as a program of the version {version} would.
case "$1 $2" in
    "usb facts") echo '{{"history_steps": {steps}}}' ;;
    "ask --no-history") echo "{answer}" ;;
    *) echo "{version} $*" ;;
esac
"""


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut would undo is not tested here."""
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture(autouse=True)
def no_menu_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "person" / "share"))


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    locale.use("en")


class Silent:
    """A progress that remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.bytes = 0

    def begin(self, step: Step, total_bytes: int) -> None:
        self.steps.append(step)
        if step is Step.COPY:
            self.bytes = -total_bytes

    def advance(self, count: int) -> None:
        self.bytes += count


def write_bundle(
    folder: Path, version: str, *, steps: int = 2, answer: str = "Душанбе", windows: bool = False
) -> Path:
    """A bundle as the build makes it."""
    internal = folder / "_internal" / "data"
    internal.mkdir(parents=True)
    (folder / "VERSION").write_text(version + "\n")
    for number in range(12):
        (internal / f"{number}.bin").write_bytes(f"{version} {number} ".encode() * 700)
    (internal / "empty").touch()
    program = folder / ("soro.exe" if windows else "soro")
    program.write_text(PROGRAM.format(version=version, steps=steps, answer=answer))
    program.chmod(0o755)
    return folder


def write_model(folder: Path, name: str, tiny_model: Path, *, memory_bytes: int) -> Path:
    """The tiny model under a name, with a manifest that says what memory it needs."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.gguf"
    file.write_bytes(tiny_model.read_bytes() + name.encode() * 64)
    file.with_suffix(".toml").write_text(
        f'name = "{name}"\ntitle = "Model {name}"\n[file]\nname = "{name}.gguf"\n'
        f'size_bytes = {file.stat().st_size}\nsha256 = ""\n'
        f"[context]\ntokens = 512\nmemory_bytes = {memory_bytes}\n"
    )
    return file


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The maker's secret key."""
    make_key(tmp_path / "maker.key", "")
    return tmp_path / "maker.key"


MakeStick = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, key: Path, tiny_model: Path) -> MakeStick:
    """Makes a stick of a version: release n, a small and a large model."""

    def make_one(
        version: str = "1.0",
        release: int = 1,
        *,
        root: Path | None = None,
        signed_by: Path | None = None,
        steps: int = 2,
        answer: str = "Душанбе",
        part_bytes: int = 1 << 30,
    ) -> Path:
        root = root or tmp_path / f"stick {version}"
        bundle = tmp_path / "bundles" / f"{version} {release} {steps} {answer[:9]}"
        if not bundle.exists():
            write_bundle(bundle, version, steps=steps, answer=answer)
        models = tmp_path / "models to ship"
        if not models.exists():
            write_model(models, "small", tiny_model, memory_bytes=GB // 5)
            write_model(models, "large", tiny_model, memory_bytes=2 * GB)
        bank = tmp_path / "physics.bank"
        bank.write_text("F = ma")
        options = StickOptions(
            root=root,
            bundles={Group.LINUX: bundle},
            models=[models / "small.gguf", models / "large.gguf"],
            banks=[bank],
            release=release,
            part_bytes=part_bytes,
        )

        def sign_it(document: bytes) -> Signature:
            return sign(document, signed_by or key, "")

        make_stick(options, sign_it, lambda label, fraction: None)
        return root

    return make_one


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "Барномаҳои Ҷамшед" / "soro")


OrderOf = Callable[..., Order]


@pytest.fixture
def order_of(installation: Installation, own_home: Path) -> OrderOf:
    def order(root: Path, *, memory_bytes: int = 4 * GB, model: str = "") -> Order:
        return Order(
            stick=open_stick(root),
            installation=installation,
            data=own_home,
            system=Group.LINUX,
            memory_bytes=memory_bytes,
            model=model,
        )

    return order


@pytest.fixture
def installed(make: MakeStick, order_of: OrderOf) -> Order:
    """What was installed just now."""
    order = order_of(make())
    install(order, Silent())
    return order


def resign(root: Path, change: Callable[[dict[str, object]], None], key: Path) -> None:
    """Change the manifest as its maker could, and sign it."""
    file = root / "soro" / "manifest.json"
    document = json.loads(file.read_bytes())
    change(document)
    file.write_bytes(json.dumps(document).encode())
    signature = sign(file.read_bytes(), key, "")
    (root / "soro" / "manifest.sig").write_text(f"{signature.key}\n{signature.signature}\n")
