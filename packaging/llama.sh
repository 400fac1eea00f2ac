# Sourced by both builds: the sources by hash, and llama.cpp's libraries out of llama-cpp-python's.

# fetch_sources FOLDER: what packaging/sources.txt names.
fetch_sources() {
    mkdir -p "$1"
    [ -e "$1/complete" ] && return
    python3 -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
        --requirement packaging/sources.txt --dest "$1"
    touch "$1/complete"
}

# llama_source DOWNLOADS FOLDER: unpacked, with llama.cpp's list of CPU variants cut to those that pay
# their place; docs/packaging.md has the measurement.
llama_source() {
    [ -e "$2/complete" ] && return
    rm -rf "$2" && mkdir -p "$2"
    tar xzf "$1"/llama_cpp_python-*.tar.gz -C "$2" --strip-components=1
    sed -i -E '/ggml_add_cpu_backend_variant\((piledriver|cannonlake|cascadelake|cooperlake|sapphirerapids) /d' \
        "$2/vendor/llama.cpp/ggml/src/CMakeLists.txt"
    touch "$2/complete"
}

LLAMA_FLAGS=(
    -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON
    -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_OPENMP=OFF
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_TOOLS=OFF
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
)
