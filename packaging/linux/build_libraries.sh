#!/bin/bash
# Inside the root: llama.cpp's libraries for every x86-64 processor into /build/libraries. Given cmake's flags.
set -euo pipefail
cd /build
rm -rf libraries llama-build && mkdir libraries
flags="-include /build/old_glibc.h"
cmake "$@" -S llama/vendor/llama.cpp -B llama-build \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH="\$ORIGIN"
cmake --build llama-build --target llama
cp llama-build/bin/*.so libraries/
# The compiler's own libraries lie beside: an old system has older ones.
cp -L /usr/lib/x86_64-linux-gnu/libstdc++.so.6 /lib/x86_64-linux-gnu/libgcc_s.so.1 libraries/
strip --strip-unneeded libraries/*.so*
