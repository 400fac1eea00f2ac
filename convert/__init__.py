"""`soro convert`: a trained Gemma 3 checkpoint in Hugging Face's form becomes one small, proven INT4 GGUF.

Runs on the model maker's computer and is never in the pupils' bundle. It does not import soro_edge, and
soro_edge knows it only through the lazy import behind the command.
"""
