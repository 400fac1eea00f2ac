#!/usr/bin/env bash
# dist/linux/soro: the program for Linux on any x86-64 processor with glibc 2.28 or newer.
# Needs root, debootstrap and uv. Everything is compiled in a root of Debian 11, which is kept in
# packaging/build (or SORO_BUILD_FOLDER) with what was compiled; the second run takes a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=$(realpath -m "${SORO_BUILD_FOLDER:-packaging/build}")
ROOT=$BUILD/root
INSIDE=$ROOT/build
# What is compiled is kept from one commit to the next: its time is not the commit's.
COMPILED_EPOCH=1767225600
. packaging/llama.sh
. packaging/site.sh

inside() {
    chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        SOURCE_DATE_EPOCH=$COMPILED_EPOCH DEBIAN_FRONTEND=noninteractive "$@"
}

if [ ! -e "$INSIDE/ready" ]; then
    rm -rf "$ROOT" && mkdir -p "$BUILD"
    debootstrap --variant=minbase bullseye "$ROOT"
    sed 's/^deb /deb-src /; s/bullseye/bookworm/' "$ROOT/etc/apt/sources.list" >>"$ROOT/etc/apt/sources.list.d/python.list"
    inside apt-get -qq update
    inside apt-get -qq install --no-install-recommends gcc g++ make cmake ninja-build pkg-config \
        xz-utils patch libffi-dev zlib1g-dev tcl libssl-dev libbz2-dev liblzma-dev \
        uuid-dev libexpat1-dev binutils dpkg-dev
    mkdir -p "$INSIDE/downloads"
    inside sh -c 'cd /build/downloads && apt-get -qq source --download-only python3.11/bookworm sqlite3/bookworm'
    touch "$INSIDE/ready"
fi
cp packaging/linux/*.sh packaging/linux/old_glibc.h packaging/llama.sh "$INSIDE/"
mountpoint -q "$ROOT/dev" || mount --bind /dev "$ROOT/dev"
trap 'umount "$ROOT/dev"' EXIT

fetch_sources "$BUILD/downloads"
# Debian 11's GCC 10 does not know AVX-VNNI: such processors take the variant for Haswell.
llama_source "$BUILD/downloads" "$INSIDE/llama" alderlake
inside bash /build/build_sqlite.sh
inside bash /build/build_python.sh
inside bash /build/build_libraries.sh
make_site "$INSIDE/site" x86_64-manylinux_2_28 "$INSIDE/llama"
rm -rf "$INSIDE/source" && mkdir "$INSIDE/source"
git archive HEAD soro_edge models packaging pyproject.toml | tar -x -C "$INSIDE/source"
inside bash /build/build_program.sh

mkdir -p dist/linux
rm -rf dist/linux/soro
cp -r "$INSIDE/dist/soro" dist/linux/soro
cp packaging/linux/bundle/*.sh dist/linux/soro/
python3 packaging/finish_bundle.py dist/linux/soro
