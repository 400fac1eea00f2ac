#!/bin/bash
# Inside the root: CPython of Debian 12's source on the older glibc, with Debian's later fixes and without its layout.
# /build holds the source, /build/python gets the interpreter.
set -euo pipefail
cd /build
rm -rf python python-source debian && mkdir python-source
tar xf downloads/python3.11_*.orig.tar.gz -C python-source --strip-components=1
tar xf downloads/python3.11_*.debian.tar.xz
cd python-source
sed '1,/^ntpath-import/d; s/[[:space:]]*#.*//; /test/d' ../debian/patches/series | while read -r fix; do
    [ -n "$fix" ] || continue
    # Some touch tests and documents that Debian's own layout has moved: those parts may fail.
    patch --quiet --batch --forward -p1 < "../debian/patches/$fix" || echo "not wholly applied: $fix"
done
# One of the fixes uses an inner header; Debian's own build lets it in.
sed -i '1i #define Py_BUILD_CORE_MODULE 1' Modules/pyexpat.c
# sem_clockwait came with glibc 2.30.
./configure --quiet ac_cv_func_sem_clockwait=no --prefix=/build/python --enable-shared --with-system-expat --without-ensurepip --disable-test-modules \
    CFLAGS="-include /build/old_glibc.h -fno-semantic-interposition" LDFLAGS="-Wl,-rpath,/build/python/lib"
make --quiet -j"$(nproc)"
make --quiet install
