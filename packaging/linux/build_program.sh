#!/bin/bash
# Inside the root: PyInstaller on the sources in /build/source; the result is /build/dist/soro.
set -euo pipefail
cd /build
rm -rf dist work licences && mkdir licences
for package in libc6 libstdc++6 libssl1.1 libffi7 zlib1g libbz2-1.0 liblzma5 libuuid1 libexpat1; do
    cp "/usr/share/doc/$package/copyright" "licences/$package.txt"
done
cp python/lib/python3.11/LICENSE.txt licences/Python.txt
echo "SQLite 3.40.1: in the public domain, https://sqlite.org/copyright.html" >licences/SQLite.txt
cp llama/vendor/llama.cpp/LICENSE licences/llama.cpp.txt
export PYTHONPATH=/build/site PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
export SORO_LIBRARIES=/build/libraries SORO_LICENCES=/build/licences
python/bin/python3.11 -m PyInstaller source/packaging/soro.spec --noconfirm --log-level WARN \
    --distpath dist --workpath work
