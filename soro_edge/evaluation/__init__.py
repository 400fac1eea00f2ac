"""Benchmarks on the GGUF file that ships: tasks, scoring, results. Never in a pupil's bundle."""
