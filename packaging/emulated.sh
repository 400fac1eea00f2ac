#!/usr/bin/env bash
# packaging/emulated.sh MODEL.gguf [PROCESSOR…]: dist/linux/soro on processors that this machine is not.
# Needs root and Debian's qemu-user-static, which ends a program at an instruction that the processor lacks.
# The program starts itself again as its engine, and a plain `qemu-x86_64 soro` would run that child on the
# real processor: so a copy carries a mark in its ELF head, and the kernel gives marked programs to qemu.
set -euo pipefail
model=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- core2duo Nehalem SandyBridge Haswell Opteron_G3
bundle=$(realpath "${SORO_BUNDLE:-$(dirname "$0")/../dist/linux/soro}")
folder=$(mktemp -d)
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt
trap 'rm -rf "$folder"; [ ! -e $binfmt/soro ] || echo -1 >$binfmt/soro' EXIT

cp -r "$bundle" "$folder/soro"
printf 'SOROEMU' | dd of="$folder/soro/soro" bs=1 seek=9 conv=notrunc status=none
printf '%s' ':soro:M:0:\x7fELF\x02\x01\x01\x00\x00SOROEMU::/usr/bin/qemu-x86_64-static:' >$binfmt/register
export SORO_HOME=$folder/home SORO_LANGUAGE=en SORO_THREADS=1
"$bundle/soro" models add "$model" >/dev/null
# qemu tells of features that it does not emulate; none of them is used here.
exec 2> >(grep -v "TCG doesn't support" >&2)
code=0
for processor; do
    export QEMU_CPU=$processor
    echo "== $processor"
    "$folder/soro/soro" doctor | grep -E '^!!|first token|engine' || code=1
    "$folder/soro/soro" ask --no-history --max-tokens 12 --temperature 0 "What is the capital of France?" || code=1
    echo
done
exit $code
