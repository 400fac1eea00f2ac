"""`python -m soro_edge` is `soro`."""

from soro_edge.start import main

if __name__ == "__main__":
    main()
