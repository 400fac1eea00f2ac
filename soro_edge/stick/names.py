"""Names that a stick may hold: what FAT32 and Windows can store, and nothing that leads elsewhere.

Says why a name is refused, in English; knows no file.
"""

import unicodedata
from collections.abc import Iterable

LARGEST_FILE_BYTES = (1 << 32) - 1
"""Of FAT32."""
_LONGEST_NAME = 255
"""In UTF-16 units."""
_LONGEST_PATH = 180
"""So that a stick's drive letter or an installation's folder leaves Windows' 259 enough."""
_SYSTEM_FILES = {".ds_store", "desktop.ini", "thumbs.db", ".localized"}
_SYSTEM_FOLDERS = {
    ".spotlight-v100",
    ".trashes",
    ".fseventsd",
    ".temporaryitems",
    "__macosx",
    "system volume information",
    "$recycle.bin",
}
_FORBIDDEN = '<>:"|?*\\'
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"
}


def path_fault(path: str) -> str:
    """Why the relative path `path`, with slashes, cannot stand on a stick; empty where it can."""
    if not path or len(path) > _LONGEST_PATH:
        return "the path is empty or too long"
    for name in path.split("/"):
        fault = _name_fault(name)
        if fault:
            return fault
    return ""


def colliding(paths: Iterable[str]) -> tuple[str, str] | None:
    """Two paths that are one on FAT32, or of which one is a folder and a file at once."""
    known: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        name = folded(path)
        if name in known:
            return known[name], path
        known[name] = path
        parts = name.split("/")
        for count in range(1, len(parts)):
            original = "/".join(path.split("/")[:count])
            key = "/".join(parts[:count])
            if folders.setdefault(key, original) != original:
                return folders[key], original
    for folder, original in folders.items():
        if folder in known:
            return known[folder], original
    return None


def folded(path: str) -> str:
    """As FAT32 compares: some systems show a short name in capitals whatever was written."""
    return unicodedata.normalize("NFC", path).casefold()


def put_there_by_a_system(path: str) -> bool:
    """Whether macOS or Windows leaves such a file by itself wherever a stick is opened or copied."""
    *folders, name = path.split("/")
    return (
        name.startswith("._")  # macOS: what FAT32 cannot hold of the file of that name
        or name.casefold() in _SYSTEM_FILES
        or any(folder.casefold() in _SYSTEM_FOLDERS for folder in folders)
    )


def _name_fault(name: str) -> str:
    if name in ("", ".", ".."):
        return "it leads elsewhere"
    if any(letter in _FORBIDDEN or ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return "a letter that FAT32 cannot hold"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "its name is no Unicode"
    if name[-1] in ". ":
        return "FAT32 drops a dot or a space at the end"
    if name.split(".")[0].rstrip().casefold() in _DEVICES:
        return "the name of a device under Windows"
    if len(name.encode("utf-16-le")) // 2 > _LONGEST_NAME:
        return "the name is too long"
    return ""
