# Sourced by both builds: the wheels of one system, locked by uv.lock, without compiling anything.

# make_site FOLDER PLATFORM LLAMA_SOURCE: what PyInstaller imports from. llama_cpp's Python files come
# from its source; its libraries are built by the caller, once for every kind of processor.
make_site() {
    local site=$1 platform=$2 source=$3 locked
    locked=$(mktemp)
    rm -rf "$site"
    uv export --quiet --frozen --no-default-groups --group bundle --no-emit-project \
        --no-emit-package llama-cpp-python --no-emit-package numpy --no-emit-package diskcache \
        --output-file "$locked" >/dev/null
    uv pip install --quiet --target "$site" --python-platform "$platform" --python-version 3.11 \
        --no-build --no-deps --require-hashes --requirement "$locked"
    rm "$locked"
    cp -r "$source/llama_cpp" "$site/"
    local version
    version=$(sed -n 's/^Version: //p' "$source/PKG-INFO" | head -1)
    local info=llama_cpp_python-$version.dist-info
    mkdir "$site/$info"
    cp "$source/PKG-INFO" "$site/$info/METADATA"
    cp "$source/LICENSE.md" "$site/$info/"
    echo "$info/LICENSE.md,," >"$site/$info/RECORD"
}
