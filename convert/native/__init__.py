"""llama.cpp and ggml, as the converter uses them. No other folder of it imports llama_cpp."""
