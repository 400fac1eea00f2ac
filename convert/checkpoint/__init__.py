"""A checkpoint in Hugging Face's form: its folder, config.json, and a source of rows for each tensor."""
