"""Every word of the interface is translated, with the same fields, and compiled."""

import re

import pytest

from tests.make_catalogues import ROOT, catalogue, compiled, msgids


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_every_message_is_translated_with_its_fields(language: str) -> None:
    known = {str(message.id): str(message.string) for message in catalogue(language) if message.id}
    assert not msgids() - {key for key, text in known.items() if text}

    def fields(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)", text))

    # The parser's word for a kind of number is English: the sentence does without it.
    spared = {"number_type"}
    assert not [key for key, text in known.items() if fields(key) - spared != fields(text)]


@pytest.mark.parametrize("language", ["tg", "ru"])
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    file = ROOT / "locale" / language / "LC_MESSAGES" / "soro.mo"
    assert file.read_bytes() == compiled(language)
