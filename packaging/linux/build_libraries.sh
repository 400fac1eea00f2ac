#!/bin/bash
# Inside the newer root: llama.cpp's libraries for every x86-64 processor into /build/libraries. Given cmake's flags.
# Its GCC 12 compiles and links against the headers and libraries of the older root, in /old: C, C++ and glibc.
set -euo pipefail
cd /build
rm -rf libraries llama-build && mkdir libraries
gcc_10=/usr/lib/gcc/x86_64-linux-gnu/10
# The linker looks for libraries inside the older root, where absolute links lead out of it.
find /old/usr/lib/x86_64-linux-gnu /old/lib64/ -maxdepth 1 -type l -lname "/*" | while read -r link; do
    ln -sfr "/old$(readlink "$link")" "$link"
done
flags="--sysroot=/old -include /build/old_glibc.h"
headers="-nostdinc++ -isystem /old/usr/include/c++/10 -isystem /old/usr/include/x86_64-linux-gnu/c++/10"
# Named first, because a compiler's own folders come before the other root's; and nothing may be left to be found at start.
linked="-pthread -Wl,--no-undefined -B/old/usr/lib/x86_64-linux-gnu -L/old$gcc_10 -L/old/usr/lib/x86_64-linux-gnu"
cmake "$@" -S llama/vendor/llama.cpp -B llama-build \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags $headers" \
    -DCMAKE_SHARED_LINKER_FLAGS="$linked" -DCMAKE_MODULE_LINKER_FLAGS="$linked" -DCMAKE_EXE_LINKER_FLAGS="$linked" \
    -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH="\$ORIGIN"
cmake --build llama-build --target llama
cp llama-build/bin/*.so libraries/
# The C++ library lies beside: an old system has an older one.
cp -L /old/usr/lib/x86_64-linux-gnu/libstdc++.so.6 /old/lib/x86_64-linux-gnu/libgcc_s.so.1 libraries/
strip --strip-unneeded libraries/*.so*
