#!/usr/bin/env bash
# packaging/try_windows.sh MODEL.gguf [PROCESSOR…]: dist/windows/soro under Wine, on this machine's processor and then
# on emulated ones (root and qemu-user-static; packaging/emulated.sh tells how a child is kept under qemu: here it
# is Wine's loader that carries the mark, in a mount namespace of its own).
set -euo pipefail
cd "$(dirname "$0")/.."
model=$(realpath "$1")
shift
soro=$(realpath "${SORO_BUNDLE:-dist/windows/soro}")/soro.exe
export WINEPREFIX="${SORO_BUILD_FOLDER:-$PWD/packaging/build}/windows/prefix" WINEDEBUG=-all
export SORO_LANGUAGE=en SORO_THREADS=1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
SORO_HOME=$(winepath --windows "$folder")\\home
export SORO_HOME

# run WORDS…: through a pipe, because under Wine Python dies at start where its output is a file.
run() { "${WINE[@]}" "$soro" "$@" 2>&1 | cat; }

WINE=(wine)
run models add "$(winepath --windows "$model")" --name starter
run ask --max-tokens 24 "What is the capital of France?"
printf 'Hello\n\n' | run chat --max-tokens 8
run doctor
run -m soro_edge.commands.paint
[ $# -gt 0 ] || exit 0

loader=$(readlink -f /usr/lib/wine/wine64)
cp "$loader" "$folder/wine64"
printf 'SOROEMU' | dd of="$folder/wine64" bs=1 seek=9 conv=notrunc status=none
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt
printf '%s' ':soro:M:0:\x7fELF\x02\x01\x01\x00\x00SOROEMU::/usr/bin/qemu-x86_64-static:' >$binfmt/register
trap 'rm -rf "$folder"; echo -1 >$binfmt/soro' EXIT
wineserver --wait
for processor; do
    echo "== $processor"
    WINE=(unshare --mount sh -c "mount --bind $folder/wine64 $loader && exec $loader \"\$@\"" -)
    export QEMU_CPU=$processor
    run doctor
    run ask --max-tokens 8 "What is the capital of France?"
done
