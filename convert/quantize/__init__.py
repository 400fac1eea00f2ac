"""From float weights to the blocks of a GGUF file: block formats, GPTQ, and which tensor gets which type."""
