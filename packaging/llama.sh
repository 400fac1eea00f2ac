# Sourced by both builds: the sources by hash, and llama.cpp's libraries out of llama-cpp-python's.

# fetch_sources FOLDER: what packaging/sources.txt names.
fetch_sources() {
    mkdir -p "$1"
    [ -e "$1/complete" ] && return
    python3 -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
        --requirement packaging/sources.txt --dest "$1"
    touch "$1/complete"
}

# llama_source DOWNLOADS FOLDER [VARIANT…]: unpacked, with llama.cpp's list of CPU variants cut to those that
# pay their place (docs/packaging.md has the measurement), and without those that the compiler does not know.
llama_source() {
    local downloads=$1 folder=$2 variant
    shift 2
    [ -e "$folder/complete" ] && return
    rm -rf "$folder" && mkdir -p "$folder"
    tar xzf "$downloads"/llama_cpp_python-*.tar.gz -C "$folder" --strip-components=1
    for variant in skylakex cannonlake cascadelake cooperlake sapphirerapids "$@"; do
        sed -i "/ggml_add_cpu_backend_variant($variant /d" \
            "$folder/vendor/llama.cpp/ggml/src/CMakeLists.txt"
    done
    touch "$folder/complete"
}

LLAMA_FLAGS=(
    -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON
    -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_OPENMP=OFF
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_TOOLS=OFF
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
)
