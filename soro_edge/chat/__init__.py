"""A conversation with the tutor: messages, template, context window, session."""
