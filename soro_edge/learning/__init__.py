"""What is learned at school. Knows no model, no engine and no screen."""
