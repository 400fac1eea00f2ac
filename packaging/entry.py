"""What PyInstaller starts: the bundle's program."""

from soro_edge.frozen import main

main()
