"""Doubles that obey the protocols, shipped so that others can test too."""
