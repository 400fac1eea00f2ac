"""The USB stick: made on one computer, checked, installed on others, updated, and back again."""
