"""What a model writes, Markdown with mathematics, as tokens that a screen and a page can show."""
