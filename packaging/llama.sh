# Sourced by both builds: llama.cpp's libraries from the source of llama-cpp-python.

# The CPU variants that pay their place; docs/packaging.md has the measurement.
LEFT_OUT='piledriver|cannonlake|cascadelake|cooperlake|sapphirerapids'
LLAMA_FLAGS=(
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON
    -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DGGML_OPENMP=OFF
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_TOOLS=OFF
    -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF
)

# choose_variants SOURCE: llama.cpp's own list, shortened.
choose_variants() {
    sed -i -E "/ggml_add_cpu_backend_variant\(($LEFT_OUT) /d" "$1/vendor/llama.cpp/ggml/src/CMakeLists.txt"
}
