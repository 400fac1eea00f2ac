"""The trees that are drawn in docstrings are the trees of the code."""

import re
from types import ModuleType

import pytest

from soro_edge import errors, model_errors
from soro_edge.errors import SoroError
from soro_edge.stick import errors as stick_errors

DRAWN_ELSEWHERE = {"ModelError", "StickError"}


def drawn(module: ModuleType) -> dict[str, str]:
    """Each class of the drawing, and the one that it hangs on."""
    above: list[str] = []
    found = {}
    for line in (module.__doc__ or "").splitlines():
        match = re.match(r"    ((?:│   |    |├── |└── )*)([A-Z]\w+)", line)
        if match and (match[1] or not above):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            found[match[2]] = above[depth - 1] if depth else ""
    return found


@pytest.mark.parametrize("module", [errors, model_errors, stick_errors])
def test_the_drawn_tree_is_the_tree(module: ModuleType) -> None:
    tree = drawn(module)
    here = {
        name: getattr(kind.__base__, "__name__", "") if tree.get(name) else ""
        for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    }
    assert here == {name: above for name, above in tree.items() if name in here}
    assert set(tree) - set(here) <= DRAWN_ELSEWHERE


def test_no_two_errors_have_one_name() -> None:
    """By its name one crosses from process to process."""
    modules = (errors, model_errors, stick_errors)
    names = [
        name
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, SoroError)
        and kind.__module__ == module.__name__
    ]
    assert sorted(names) == sorted(set(names))
