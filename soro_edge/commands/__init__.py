"""The commands of `soro`, one module each; imported only when they run."""
