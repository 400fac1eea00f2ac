#!/usr/bin/env bash
# packaging/old_glibc.sh MODEL.gguf [GLIBC_SOURCE]: dist/linux/soro on glibc 2.28, the oldest that it is made for, in a
# root that holds nothing else but busybox and zlib, without a network. Needs root and debootstrap.
# GLIBC_SOURCE is what https://ftp.gnu.org/gnu/glibc/glibc-2.28.tar.xz brings, packed or not, or a checkout of the tag
# glibc-2.28. It is compiled once, 8 processor minutes, in a Debian 11 of its own; afterwards it need not be named.
set -euo pipefail
model=$(realpath "$1")
source=${2:+$(realpath "$2")}
here=$(dirname "$(realpath "$0")")
bundle=$(realpath "${SORO_BUNDLE:-$here/../dist/linux/soro}")
build=$(realpath -m "${SORO_BUILD_FOLDER:-$here/build}/glibc")

if [ ! -e "$build/made" ]; then
    [ -n "$source" ] || { echo "Name the source of glibc 2.28: old_glibc.sh MODEL.gguf GLIBC_SOURCE" >&2; exit 2; }
    rm -rf "$build"
    mkdir -p "$build/source"
    if [ -d "$source" ]; then
        tar c -C "$source" --exclude=./.git . | tar x -C "$build/source" --no-same-owner
    else
        tar xf "$source" -C "$build/source" --strip-components=1 --no-same-owner
    fi
    grep -qsx '#define VERSION "2.28"' "$build/source/version.h" || { echo "That is not glibc 2.28: $source" >&2; exit 2; }
    PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 python3 - "$build" >"$build/log" 2>&1 <<'END' || { tail "$build/log" >&2; exit 1; }
import sys
from pathlib import Path
from debian_root import DebianRoot

build = Path(sys.argv[1])
packages = ("gcc", "libc6-dev", "make", "gawk", "bison", "python3-minimal", "busybox-static")
root = DebianRoot(folder=build / "root", release="bullseye", packages=packages)
root.make()
# It was written for older compilers: their new warnings are not errors.
recipe = """
mkdir /objects && cd /objects
/source/configure --quiet --prefix=/usr --disable-werror
make --silent -j$(nproc)
make --silent install DESTDIR=/installed
"""
root.run("sh", "-ec", recipe, seen={"/source": build / "source"})
END
    touch "$build/made"
fi

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
mkdir "$bare"/{bin,dev,proc,tmp,home}
cp -a "$build/root/installed/lib64" "$bare"
cp "$bundle/_internal/libz.so.1" "$bare/lib64"
cp "$build/root/bin/busybox" "$bare/bin/sh"
cp -r "$bundle" "$bare/home/soro"
cp "$model" "$bare/home/model.gguf"
cat >"$bare/home/try.sh" <<'END'
set -e
export PATH=/home/soro SORO_HOME=/home/data SORO_LANGUAGE=en
/lib64/libc.so.6 | head -n 1
soro --version
soro models add /home/model.gguf >/dev/null
soro ask "What is the capital of France?" --max-tokens 12
soro doctor
printf 'Hello\n\n' | soro chat --max-tokens 8
echo "The first paint, in seconds: $(soro -m soro_edge.commands.paint)"
END
unshare --net --mount --propagation private sh -c 'mount --bind /dev "$0/dev" && mount -t proc none "$0/proc" && exec chroot "$0" /bin/sh /home/try.sh' "$bare"
