"""The right option of an item: looked up by its label, whichever alphabet the labels are of, or refused."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from soro_edge.evaluation.benchmarks.answer_key import Undecided
from soro_edge.evaluation.benchmarks.generated_text import letter_of
from soro_edge.evaluation.benchmarks.items import Item, read_items
from soro_edge.evaluation.benchmarks.labels import Alphabet, alphabet_in_order, alphabets_of
from soro_edge.evaluation.benchmarks.task import Task, read_task
from soro_edge.evaluation.results import BadItem
from tests.evaluation.own_task import DATA, HEAD, records

NUMBERS = ["як", "ду", "се", "чор", "панҷ"]
LATIN_B, CYRILLIC_V = "B", "В"
CYRILLIC_A, CYRILLIC_S = "А", "С"


def task(folder: Path, answers: str = "") -> Task:
    path = folder / "mine.toml"
    text = HEAD + DATA + f'[answers]\n{answers}\n[prompt]\nitem = "{{{{ question }}}}"\n'
    path.write_text(text, encoding="utf-8")
    return read_task(path)


def read(
    folder: Path, answers: Sequence[object], options: object = None, settings: str = ""
) -> tuple[list[Item], list[BadItem]]:
    options = NUMBERS[:4] if options is None else options
    fields = ({"question": "?", "options": options, "answer": one} for one in answers)
    return read_items(task(folder, settings), records(*fields))


def right(
    folder: Path, answers: Sequence[object], options: object = None, settings: str = ""
) -> list[str]:
    """The right answers in words; every item must be fit."""
    items, bad = read(folder, answers, options, settings)
    assert not bad, bad
    return [item.answer for item in items]


FIVE = 'count = 5\nletters = "ABCDE"'


@pytest.mark.parametrize(
    ("answers", "settings"),
    [
        ("А Б В Г", ""),
        ("A Б В Г", ""),  # a Latin A
        ("а б в г", ""),
        ("А) Б) В) Г)", ""),
        ("(А) (Б) (В) (Г)", ""),
        ("а. б. в. г.", ""),
        ("А Б В Г Д", FIVE),
        ("А Б В Г Ғ", FIVE),
        ("A B C D E", FIVE),
        ("А В С Д Е", FIVE),  # Cyrillic letters typed in the order of the Latin ones
        ("A B C Д Е", FIVE),
        ("A В C D", ""),  # a Cyrillic В among Latin letters
        ("a b c d", ""),
        ("«A» «B» «C» «D»", ""),
        ("1 2 3 4", 'form = "number"'),
        ("0 1 2 3", 'form = "index"'),
        ("А Б В Г", 'letters = "АБВГ"'),
    ],
)
def test_the_letters_of_a_file_tell_their_alphabet(
    answers: str, settings: str, tmp_path: Path
) -> None:
    letters = answers.split()
    options = NUMBERS[: len(letters)]
    assert right(tmp_path, letters, options, settings) == options
    assert right(tmp_path, letters[::-1], options, settings) == options[::-1]


@pytest.mark.parametrize(
    "answers", ["А В В", "В", "A В A", "в", "В) А)"], ids=["avv", "v", "Latin A", "small", "marks"]
)
def test_letters_that_fit_both_alphabets_are_refused_with_the_line(
    answers: str, tmp_path: Path
) -> None:
    letters = answers.split()
    line = next(number for number, one in enumerate(letters, 1) if one[0] in "Вв")
    with pytest.raises(Undecided, match=f"line {line}: the answer «В» may be option 2 or option 3"):
        read(tmp_path, letters)


def test_where_both_alphabets_stand_in_one_file_only_clear_letters_count(tmp_path: Path) -> None:
    items, bad = read(tmp_path, ["А", "Б", "Г", CYRILLIC_V, "A", LATIN_B, "C", "D"])
    assert [item.answer for item in items] == ["як", "ду", "чор", "як", "се", "чор"]
    assert [(one.place, one.reason) for one in bad] == [
        ("line 4", "the answer «В» may be option 2 or option 3"),
        ("line 6", "the answer «B» may be option 2 or option 3"),
    ]


def test_one_letter_typed_wrong_does_not_spoil_a_file(tmp_path: Path) -> None:
    items, bad = read(tmp_path, ["A", "B", "C", "D", CYRILLIC_V] * 10 + ["Г"])
    assert [item.answer for item in items[:5]] == ["як", "ду", "се", "чор", "ду"]
    assert [one.reason for one in bad] == ["the answer «Г» is none of the options"]
    items, bad = read(tmp_path, ["А", "Б", "В", "Г"] * 20 + [LATIN_B])
    assert [item.answer for item in items[:4]] == ["як", "ду", "се", "чор"]
    assert [one.place for one in bad] == ["line 81"]


@pytest.mark.parametrize(
    "options",
    [
        ["А) як", "Б) ду", "В) се", "Г) чор"],
        ["а. як", "б. ду", "в. се", "г. чор"],
        ["(А) як", "(Б) ду", "(В) се", "(Г) чор"],
        "А: як\nБ: ду\r\nВ: се\n\nГ: чор",
        {"А": "як", "Б": "ду", "В": "се", "Г": "чор"},
        {"Г": "чор", "В": "се", "А": "як", "Б": "ду"},
        {"text": ["як", "ду", "се", "чор"], "label": ["А", "Б", "В", "Г"]},
        [{"label": name, "text": text} for name, text in zip("АБВГ", NUMBERS, strict=False)],
    ],
)
def test_labels_of_the_options_tell_their_alphabet(options: object, tmp_path: Path) -> None:
    items, bad = read(tmp_path, ["А", "В", "В"], options)
    assert [item.answer for item in items] == ["як", "се", "се"] and not bad
    assert items[0].options == ("як", "ду", "се", "чор")


def test_a_cyrillic_letter_means_the_latin_label_that_it_looks_like(tmp_path: Path) -> None:
    options = ["A) як", "B) ду", "C) се", "D) чор"]
    assert right(tmp_path, [CYRILLIC_A, CYRILLIC_V, CYRILLIC_S], options) == ["як", "ду", "се"]
    # Unless the answers of the file are Cyrillic beyond doubt.
    assert right(tmp_path, ["А", "Б", "В", "Г"], options) == NUMBERS[:4]


def test_latin_answers_to_cyrillic_labels_count_by_position_or_not_at_all(tmp_path: Path) -> None:
    options = ["А) як", "Б) ду", "В) се", "Г) чор"]
    assert right(tmp_path, ["A", "B", "C", "D"], options) == NUMBERS[:4]
    items, bad = read(tmp_path, ["A", CYRILLIC_V, "C"], options)
    assert [item.answer for item in items] == ["як", "се"]
    assert [one.reason for one in bad] == ["the answer «В» may be option 2 or option 3"]


@pytest.mark.parametrize(
    ("table", "answers", "texts"),
    [
        # Some keys are Cyrillic: code points would put them behind the Latin ones.
        ({"А": "як", "B": "ду", "С": "се", "D": "чор"}, "A B C D", "як ду се чор"),
        ({"D": "чор", "A": "як", "C": "се", "B": "ду"}, "D A", "чор як"),
        ({"1": "як", "2": "ду", "10": "даҳ", "3": "се"}, "1 10 3", "як даҳ се"),
        ({"x": "як", "b": "ду", "q": "се", "a": "чор"}, "x b q a", "як ду се чор"),
        ({"opt1": "як", "opt2": "ду", "opt4": "чор", "opt3": "се"}, "opt4 opt3", "чор се"),
        ({"a": "як", "b": "ду", "c": "се", "d": "чор"}, "A d", "як чор"),
    ],
)
def test_in_a_table_the_answer_is_looked_up_by_its_key(
    table: dict[str, str], answers: str, texts: str, tmp_path: Path
) -> None:
    assert right(tmp_path, answers.split(), table) == texts.split()


def test_columns_called_by_cyrillic_letters_are_labels(tmp_path: Path) -> None:
    columns = '[fields]\noptions = ["А", "Б", "В", "Г"]\n'
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + DATA + columns + '[prompt]\nitem = "?"\n', encoding="utf-8")
    record = dict(zip("АБВГ", NUMBERS, strict=False)) | {"answer": "В"}
    [item], bad = read_items(read_task(path), records(record))
    assert item.answer == "се" and not bad


@pytest.mark.parametrize(
    "options",
    [
        ["С. Айнӣ", "С. Улуғзода", "С. Сафаров", "С. Табаров"],
        ["А. Лоҳутӣ", "Б. Ғафуров", "А. Деҳотӣ", "А. Ҷомӣ"],
        ["А. Деҳотӣ", "Б. Деҳотӣ", "Д. Деҳотӣ", "Е. Деҳотӣ"],
        ["A. Einstein", "M. Planck", "N. Bohr", "E. Fermi"],
        ["А. Лоҳутӣ", "Рӯдакӣ", "В. Шекспир", "Г. Гейне"],
    ],
)
def test_initials_stay(options: list[str], tmp_path: Path) -> None:
    items, bad = read(tmp_path, ["A", "B", "C", "D"], options)
    assert [item.answer for item in items] == options and not bad
    texts = right(tmp_path, options, options, 'form = "text"')
    assert texts == options


@pytest.mark.parametrize(
    "options",
    [
        ["Б) ду", "А) як", "Г) чор", "В) се"],
        ["А) як", "А) ду", "В) се", "Г) чор"],
        ["Б. ду", "А. як", "Г. чор", "В. се"],
    ],
)
def test_labels_that_are_not_in_order_are_refused_where_a_letter_is_the_answer(
    options: list[str], tmp_path: Path
) -> None:
    items, bad = read(tmp_path, ["А", "Б", "В", "Г"], options)
    assert not items and {one.reason for one in bad} == {
        "the labels of the options are not in order"
    }
    assert right(tmp_path, ["0", "3"], options, 'form = "index"') == [options[0], options[3]]


@pytest.mark.parametrize("form", ["index", "number"])
def test_answers_counted_from_another_number_are_refused(form: str, tmp_path: Path) -> None:
    numbers = [1, "2", 3.0, 4] if form == "index" else [3, "2.0", 1, 0]
    with pytest.raises(Undecided, match=f"line 4: the answer is {numbers[-1]}, so"):
        read(tmp_path, numbers, None, f'form = "{form}"')
    # One number beyond the options among others that fit is a bad item.
    items, bad = read(tmp_path, [0, 1, 4], None, f'form = "{form}"')
    assert len(items) == 2 and len(bad) == 1


def test_an_option_is_found_however_its_accents_are_encoded(tmp_path: Path) -> None:
    options = ["кӣ", "чӣ", "ҷо", "моҳи  нав"]
    decomposed = unicodedata.normalize("NFD", "чӣ")
    assert decomposed != "чӣ"
    form = 'form = "text"'
    answers = [decomposed, " кӣ", "моҳи нав"]
    assert right(tmp_path, answers, options, form) == ["чӣ", "кӣ", "моҳи  нав"]
    labels = f'form = "text"\nlabels = ["{decomposed}", "ҷо"]'
    assert right(tmp_path, ["чӣ"], options, labels) == [decomposed]
    _items, bad = read(tmp_path, ["як"], ["як", "ду", "як", "се"], form)
    assert [one.reason for one in bad] == ["the answer «як» is 2 of the options"]


def test_a_missing_option_is_an_empty_one(tmp_path: Path) -> None:
    for options in (["як", None, "се", "чор"], ["A) як", "B)", "C) се", "D) чор"]):
        _items, bad = read(tmp_path, ["A"], options)
        assert [one.reason for one in bad] == ["an option is empty"]


def test_options_written_as_a_list_of_python(tmp_path: Path) -> None:
    assert right(tmp_path, ["B"], "['як', 'ду', \"се\", 'чор']") == ["ду"]


def test_an_alphabet_is_told_by_letters_that_only_it_has() -> None:
    assert alphabets_of("ABA") == (Alphabet.LATIN,)
    assert alphabets_of([CYRILLIC_A, CYRILLIC_V, CYRILLIC_S]) == (Alphabet.LATIN,)
    assert alphabets_of("АВДЕ") == ()
    assert alphabets_of("АБ") == (Alphabet.CYRILLIC,)
    assert alphabets_of("АБҒ") == (Alphabet.TAJIK,)
    assert alphabet_in_order("АБВГҒ") is Alphabet.TAJIK
    assert alphabet_in_order([CYRILLIC_A, LATIN_B, CYRILLIC_S]) is Alphabet.LATIN
    assert alphabet_in_order("BCD") is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [("Ҷавоб: В", "В"), ("г)", "Г"), ("A", "А"), ("B", ""), ("Б. ду", "Б"), ("Ғ)", "")],
)
def test_a_written_letter_is_read_in_the_alphabet_of_the_task(text: str, letter: str) -> None:
    assert letter_of(text, "АБВГ") == letter
