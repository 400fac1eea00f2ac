"""Soro Edge: an offline tutor that runs small language models on a school laptop."""

__version__ = "0.1.0"
