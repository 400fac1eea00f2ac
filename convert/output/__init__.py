"""The files that a conversion writes: their names, the GGUF, and the proof that it is the same model."""
