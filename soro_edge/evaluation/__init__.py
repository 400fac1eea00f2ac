"""Benchmarks, quantization reports and generation checks, for those who make or choose a model."""
