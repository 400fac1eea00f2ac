"""What a stranger's text may not do to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soro_edge.control_characters import without_control_characters
from soro_edge.model_errors import BadManifest

anything = st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\u202e\n\t\r\u2028"))


@given(anything)
def test_nothing_that_steers_a_terminal_stays(text: str) -> None:
    shown = without_control_characters(text)
    assert not [one for one in shown if unicodedata.category(one) == "Cc" and one not in "\n\t"]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202d\u202e\u2066\u2069\u2028")
    assert without_control_characters(shown) == shown


@given(anything, anything)
def test_a_stream_is_filtered_delta_by_delta(one: str, two: str) -> None:
    both = without_control_characters(one + two)
    assert both == without_control_characters(one) + without_control_characters(two)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b]52;c;c2Fsb20=\x07салом", "]52;c;c2Fsb20=салом"),
        ("\x1b[2J\x1b[31mсурх", "[2J[31mсурх"),
        ("\x9b31mсурх\x85\x7f", "31mсурх"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("сатр\r\nсатр\u2028сатр\tкор", "сатр\nсатр\nсатр\tкор"),
        ("👩‍👩‍👧 می‌خواهم ӣ и\u0304", "👩‍👩‍👧 می‌خواهم ӣ и\u0304"),
    ],
)
def test_examples(written: str, shown: str) -> None:
    assert without_control_characters(written) == shown


def test_an_error_shows_no_control_characters_of_a_file() -> None:
    error = BadManifest(path="/m\x1b[2J.toml", reason="\x1b]0;own\x07")
    assert "\x1b" not in str(error) and "\x07" not in str(error)
