"""What is said of a conversion: the report on the screen and as JSON, and the manifest for the runtime."""
