#!/bin/bash
# Inside the root: SQLite of Debian 12's source into /usr/local, because Debian 11's has no STRICT tables.
set -euo pipefail
cd /build
rm -rf sqlite-source && mkdir sqlite-source
tar xf downloads/sqlite3_*.orig.tar.xz -C sqlite-source --strip-components=1
cd sqlite-source
./configure --quiet --prefix=/usr/local --disable-tcl --disable-static --disable-readline \
    CFLAGS="-O2 -include /build/old_glibc.h -DSQLITE_ENABLE_FTS5 -DSQLITE_SECURE_DELETE"
# libtool repeats every command; errors are on the other stream.
make --quiet -j"$(nproc)" libsqlite3.la >/dev/null
make --quiet lib_install >/dev/null
install -m 644 sqlite3.h sqlite3ext.h /usr/local/include/
ldconfig
