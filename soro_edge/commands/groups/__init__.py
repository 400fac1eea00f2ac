"""Groups of commands as click sees them: words and options. The work is imported when it runs."""
