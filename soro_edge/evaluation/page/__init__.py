"""The page of an evaluation: what it says, as HTML and as Markdown."""
