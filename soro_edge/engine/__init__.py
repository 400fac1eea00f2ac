"""From messages to text: the language model in a child process."""
