"""How far a model is from its reference: KL divergence, first choices and perplexity on one text."""
