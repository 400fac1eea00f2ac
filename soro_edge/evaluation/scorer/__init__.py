"""The model under measurement: requests read along a prefix tree, their log-likelihoods, greedy texts."""
