"""A stick that was copied or opened on a Mac or on Windows is the same stick."""

import unicodedata
from pathlib import Path

import pytest

from soro_edge.stick.errors import StickDamaged
from soro_edge.stick.installing import Order, install
from soro_edge.stick.reading import open_stick
from tests.stick.calling import usb
from tests.stick.conftest import MakeStick, OrderOf, Silent, write_bundle, write_model
from tests.stick.test_making import check_all

LEFT = (
    ".DS_Store",
    "soro/.DS_Store",
    "soro/._manifest.json",
    "soro/soro-models/._small.toml",
    "soro/soro-models/desktop.ini",
    "soro/linux/soro/._soro",
    "soro/.Spotlight-V100/Store-V2/0.shadow",
    "soro/System Volume Information/WPSettings.dat",
    "System Volume Information/IndexerVolumeGuid",
)
APPLE_DOUBLE = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        "


def decomposed(name: str) -> str:
    return unicodedata.normalize("NFD", name)


@pytest.fixture
def named_in_tajik(make: MakeStick, tmp_path: Path) -> Path:
    """A stick with a bank whose name has letters that a Mac writes in two."""
    model = tmp_path / "models to ship" / "small.gguf"
    make()
    bank = tmp_path / "саволҳои тоҷикӣ й.bank"
    bank.write_text("Об чист?")
    bundle = write_bundle(tmp_path / "bundle", "1.1")
    words = ("make", tmp_path / "s", "--model", model, "--bank", bank, "--linux", bundle)
    code, told = usb(*words, "--without", "windows", "--key", tmp_path / "maker.key")
    assert code == 0, told
    return tmp_path / "s"


@pytest.mark.parametrize("change", [decomposed, str.upper, lambda name: decomposed(name.upper())])
def test_a_name_that_another_system_writes_otherwise_is_the_same_file(
    named_in_tajik: Path, order_of: OrderOf, change: object
) -> None:
    assert callable(change)
    bank = next(named_in_tajik.rglob("*.bank"))
    bank.rename(bank.with_name(change(bank.name)))
    assert not bank.exists()
    stick = open_stick(named_in_tajik)
    check_all(stick)
    assert stick.strangers() == [] and usb("check", named_in_tajik)[0] == 0
    order = order_of(named_in_tajik)
    install(order, Silent())
    assert [path.name for path in order.installation.folder.rglob("*.bank")] == [bank.name]


def test_a_folder_in_capitals_is_the_same_folder(named_in_tajik: Path) -> None:
    for folder in ("soro/soro-banks", "soro"):
        path = named_in_tajik / folder
        path.rename(path.with_name(path.name.upper()))
    check_all(open_stick(named_in_tajik))


def test_under_another_systems_name_a_changed_file_is_damaged_all_the_same(
    named_in_tajik: Path,
) -> None:
    bank = next(named_in_tajik.rglob("*.bank"))
    bank.rename(bank.with_name(decomposed(bank.name)))
    next(named_in_tajik.rglob("*.bank")).write_text("Об чисТ?")
    with pytest.raises(StickDamaged):
        check_all(open_stick(named_in_tajik))


def test_a_bank_named_by_a_mac_has_the_usual_letters_on_the_stick(
    make: MakeStick, tmp_path: Path, tiny_model: Path
) -> None:
    make()
    bank = tmp_path / decomposed("тоҷикӣ й.bank")
    bank.write_text("x")
    model = write_model(tmp_path / "m", "small", tiny_model, memory_bytes=1)
    bundle = write_bundle(tmp_path / "b", "1.2")
    words = ("--without", "windows", "--key", tmp_path / "maker.key", "--bank", bank)
    assert usb("make", tmp_path / "s", "--model", model, "--linux", bundle, *words)[0] == 0
    assert next((tmp_path / "s").rglob("*.bank")).name == "тоҷикӣ й.bank"


def test_what_systems_leave_is_told_apart_from_strangers(
    make: MakeStick, order_of: OrderOf
) -> None:
    root = make()
    for name in (*LEFT, "soro/linux/soro/virus.exe"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(APPLE_DOUBLE)
    code, told = usb("check", root)
    assert code == 0 and told.count("Not of Soro") == 1 and "virus.exe" in told
    [line] = [line for line in told.splitlines() if line.startswith("Left there by macOS")]
    assert all(name in line for name in LEFT if name.startswith("soro/"))
    order: Order = order_of(root)
    install(order, Silent())
    assert not list(order.installation.folder.rglob("._*"))


def test_a_mac_may_write_beside_what_is_being_made(make: MakeStick, tmp_path: Path) -> None:
    root = tmp_path / "stick"
    (root / "soro").mkdir(parents=True)
    for name in (".DS_Store", "soro/.DS_Store", "soro/._x"):
        (root / name).write_bytes(APPLE_DOUBLE)
    bundle = tmp_path / "bundles" / "1.0 1 2 Душанбе"
    write_bundle(bundle, "1.0")
    (bundle / "_internal" / "._data").write_bytes(APPLE_DOUBLE)
    make(root=root)
    check_all(open_stick(root))
    assert not [
        piece
        for file in open_stick(root).manifest.files
        for piece in file.pieces
        if "._" in piece.path
    ]


class TestMake:
    """`soro usb make` says at once what cannot be."""

    def make(self, tmp_path: Path, *words: object, root: Path | None = None) -> tuple[int, str]:
        key = tmp_path / "sealed.key"
        if not key.exists():
            with pytest.MonkeyPatch.context() as given:
                given.setenv("SORO_PASSPHRASE", "secret")
                assert usb("keygen", "--key", key)[0] == 0
        bundle = tmp_path / "bundle"
        if not bundle.exists():
            write_bundle(bundle, "1.0")
        # Nobody can be asked here: whoever got so far would be told of the passphrase.
        more = ("--key", key, "--linux", bundle, "--without", "windows")
        return usb("make", root or tmp_path / "s", *more, *words)

    def test_a_stick_that_cannot_be_written_is_told_before_the_passphrase(
        self, tmp_path: Path, tiny_model: Path, read_only: Path
    ) -> None:
        code, told = self.make(tmp_path, "--model", tiny_model, root=read_only)
        assert code == 10 and "The stick cannot be written:" in told and "small switch" in told
        code, told = self.make(
            tmp_path, "--model", tiny_model, root=read_only / "not yet" / "there"
        )
        assert code == 10 and "The stick cannot be written:" in told

    def test_without_a_model_it_is_an_error_unless_that_is_meant(self, tmp_path: Path) -> None:
        code, told = self.make(tmp_path)
        assert code == 10 and "No model was named" in told and not (tmp_path / "s").exists()
        assert "passphrase" in self.make(tmp_path, "--without", "model")[1]

    def test_what_is_named_and_not_there_is_told_before_the_passphrase(
        self, tmp_path: Path, tiny_model: Path
    ) -> None:
        for words in (
            ("--model", tmp_path / "none.gguf"),
            ("--model", tiny_model, "--bank", tmp_path / "none.bank"),
            ("--model", tiny_model, "--linux", tmp_path / "no bundle"),
        ):
            code, told = self.make(tmp_path, *words)
            assert code in (3, 10) and "passphrase" not in told, told
            assert str(words[-1]) in told

    def test_only_the_passphrase_is_missing_in_the_end(
        self, tmp_path: Path, tiny_model: Path
    ) -> None:
        code, told = self.make(tmp_path, "--model", tiny_model)
        assert code == 10 and "passphrase" in told and not (tmp_path / "s").exists()
