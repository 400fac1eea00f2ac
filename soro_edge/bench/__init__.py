"""How fast it is on this machine, against the bare C API."""
