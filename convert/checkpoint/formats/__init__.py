"""How checkpoints store matrices: one module a format, each giving a WeightSource.

Nothing here knows Gemma, a config.json or GGUF files; a matrix has a name, a shape and stored parts.
"""
