"""Benchmarks: tasks and their data, how each kind is scored, and two models on the same items."""
