"""School questions that a model answers as the tutor, and what can be seen of its answers."""
