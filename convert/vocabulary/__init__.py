"""The tokenizer of a checkpoint, and the part of its vocabulary that a small model keeps."""
