#!/bin/bash
# Inside the root: llama.cpp's libraries for every x86-64 processor into /build/libraries.
set -euo pipefail
cd /build
[ -e libraries/complete ] && exit 0
. /build/llama.sh
flags="-include /build/old_glibc.h"
cmake "${LLAMA_FLAGS[@]}" -S llama/vendor/llama.cpp -B llama-build \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH="\$ORIGIN"
cmake --build llama-build --target llama
mkdir -p libraries
cp llama-build/bin/*.so libraries/
# The compiler's own libraries lie beside: an old system has older ones.
cp -L /usr/lib/x86_64-linux-gnu/libstdc++.so.6 /lib/x86_64-linux-gnu/libgcc_s.so.1 libraries/
strip --strip-unneeded libraries/*.so*
touch libraries/complete
