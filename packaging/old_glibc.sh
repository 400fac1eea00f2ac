#!/usr/bin/env bash
# packaging/old_glibc.sh MODEL.gguf GLIBC_SOURCE: dist/linux/soro on glibc 2.28, the oldest that it is made for, in a
# root that holds nothing else but busybox and zlib, without a network. Needs root and debootstrap.
# GLIBC_SOURCE is what https://ftp.gnu.org/gnu/glibc/glibc-2.28.tar.xz brings, packed or not, or a checkout of the tag
# glibc-2.28. It is compiled once, 15 processor minutes, in a Debian 11 of its own; afterwards it need not be named.
set -euo pipefail
model=$(realpath "$1")
source=${2:+$(realpath "$2")}
here=$(dirname "$(realpath "$0")")
bundle=$(realpath "${SORO_BUNDLE:-$here/../dist/linux/soro}")
build=${SORO_BUILD_FOLDER:-$here/build}/glibc
private="unshare --mount --propagation private"

if [ ! -e "$build/made" ]; then
    [ -n "$source" ] || { echo "Name the source of glibc 2.28: old_glibc.sh MODEL.gguf GLIBC_SOURCE" >&2; exit 2; }
    rm -rf "$build"
    mkdir -p "$build"
    $private debootstrap --variant=minbase --include=gcc,libc6-dev,make,gawk,bison,python3-minimal,busybox-static \
        bullseye "$build/root" >/dev/null
    mkdir -p "$build/root/build/source" "$build/root/build/objects"
    if [ -d "$source" ]; then
        tar c -C "$source" --exclude=./.git . | tar x -C "$build/root/build/source" --no-same-owner
    else
        tar xf "$source" -C "$build/root/build/source" --strip-components=1 --no-same-owner
    fi
    grep -qx '#define VERSION "2.28"' "$build/root/build/source/version.h" || { echo "That is not glibc 2.28." >&2; exit 2; }
    # It was written for older compilers: their new warnings are not errors.
    $private sh -c 'mount --bind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
        sh -ec "cd /build/objects
            ../source/configure --quiet --prefix=/usr --disable-werror
            make --silent -j$(nproc)
            make --silent install DESTDIR=/build/installed"' "$build/root" >"$build/log" 2>&1 || { tail "$build/log" >&2; exit 1; }
    touch "$build/made"
fi

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
mkdir "$bare"/{bin,dev,proc,tmp,home}
cp -a "$build/root/build/installed/lib64" "$bare"
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
$private --net sh -c 'mount --bind /dev "$0/dev" && mount -t proc none "$0/proc" && exec chroot "$0" /bin/sh /home/try.sh' "$bare"
