"""The modules of packaging/, which is no package: `python packaging/build.py` runs anywhere."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "packaging"


def packaging(name: str) -> ModuleType:
    """The module of that file."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
