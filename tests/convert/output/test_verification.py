"""A finished file that is not its source is found out, and what is wrong is named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from convert import gemma3
from convert.errors import VerificationFailed
from convert.output.verification import answer_of, tensor_errors
from convert.quantize.bit_allocation import Type
from convert.quantize.tensor_source import TensorRows
from convert.vocabulary.tokenizer import Tokenizer, fit_to_embedding, read_tokenizer
from tests.convert.checkpoints import write_checkpoint
from tests.convert.conversions import Silent, convert_tiny, exact_model

pytestmark = pytest.mark.native
Data = NDArray[Any]
QUERY, KEY, VALUE = (f"blk.2.attn_{letter}.weight" for letter in "qkv")


@dataclass(slots=True)
class Content:
    """Of a GGUF, to be changed."""

    tensors: dict[str, tuple[Data, gguf.GGMLQuantizationType]]
    """Bytes or numbers, [rows, …], and type, by name."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Keys that get another value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    path: Path
    tensors: Mapping[str, TensorRows]
    tokenizer: Tokenizer

    def changed(self, folder: Path, change: Callable[[Content], None]) -> Path:
        """The same file written again after `change`."""
        reader = gguf.GGUFReader(self.path)
        content = Content(
            {tensor.name: (np.array(tensor.data), tensor.tensor_type) for tensor in reader.tensors}
        )
        change(content)
        path = folder / "changed.gguf"
        writer = gguf.GGUFWriter(path, gemma3.ARCHITECTURE)
        for key, old in reader.fields.items():
            if not key.startswith("GGUF.") and key != "general.architecture":
                value = content.metadata.get(key, old.contents())
                of_members = old.types[1] if len(old.types) > 1 else None
                writer.add_key_value(key, value, old.types[0], of_members)
        for name, (data, kind) in content.tensors.items():
            writer.add_tensor(name, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def check_tensors(self, path: Path) -> dict[str, float]:
        return tensor_errors(path, self.tensors, Silent())


def _converted(folder: Path, form: Any) -> Converted:
    checkpoint = write_checkpoint(folder / "model", form=form).folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)
        convert_tiny(checkpoint, folder / "model.gguf")
    model = exact_model(checkpoint, Type.Q4_0)
    return Converted(
        path=folder / "model.gguf",
        tensors=model.tensors,
        tokenizer=fit_to_embedding(read_tokenizer(checkpoint), model.config.vocabulary_rows),
    )


@pytest.fixture(scope="module")
def rounded(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """From BF16."""
    return _converted(tmp_path_factory.mktemp("rounded"), "BF16")


@pytest.fixture(scope="module")
def repacked(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """From an INT4 grid, every weight of it kept."""
    return _converted(tmp_path_factory.mktemp("repacked"), "GPTQ")


def flipped(name: str, byte: int, bit: int) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        data, _ = content.tensors[name]
        data.reshape(-1).view(np.uint8)[byte] ^= np.uint8(1 << bit)

    return change


def test_a_good_file_passes_and_answers(rounded: Converted, tmp_path: Path) -> None:
    again = rounded.changed(tmp_path, lambda content: None)
    for path in (rounded.path, again):
        errors = rounded.check_tensors(path)
        assert set(errors) == {rows.planned.gguf_name for rows in rounded.tensors.values()}
        assert errors["output_norm.weight"] == 0
        assert 0.01 < errors[QUERY] < 0.15
        assert answer_of(path, rounded.tokenizer)


@pytest.mark.parametrize(
    ("name", "byte", "bit"),
    [("output_norm.weight", 40, 0), (KEY, 1, 6), ("token_embd.weight", 1, 6)],
    ids=["a norm's last bit", "a scale in Q4_0", "a scale in Q8_0"],
)
def test_a_flipped_bit_is_found_in_its_tensor(
    name: str, byte: int, bit: int, rounded: Converted, tmp_path: Path
) -> None:
    with pytest.raises(VerificationFailed, match=rf"^{name} is [0-9.]+% off its source"):
        rounded.check_tensors(rounded.changed(tmp_path, flipped(name, byte, bit)))


@pytest.mark.parametrize("byte", [0, 2, 17, -1])
def test_of_a_repacked_matrix_every_bit_counts(
    byte: int, repacked: Converted, tmp_path: Path
) -> None:
    assert repacked.check_tensors(repacked.path)[VALUE] == 0
    with pytest.raises(VerificationFailed, match=f"^{VALUE} is"):
        repacked.check_tensors(repacked.changed(tmp_path, flipped(VALUE, byte, 0)))


def _without(content: Content) -> None:
    del content.tensors[QUERY]


def _renamed(content: Content) -> None:
    content.tensors["blk.2.attn_p.weight"] = content.tensors.pop(QUERY)


def _of_another_type(content: Content) -> None:
    data, kind = content.tensors[QUERY]
    content.tensors[QUERY] = (gguf.quants.dequantize(data, kind), Type.F32)


def _of_another_shape(content: Content) -> None:
    data, kind = content.tensors[QUERY]
    content.tensors[QUERY] = (data[:-1], kind)


@pytest.mark.parametrize("change", [_without, _renamed, _of_another_type, _of_another_shape])
def test_a_tensor_that_is_not_as_planned_is_named(
    change: Callable[[Content], None], rounded: Converted, tmp_path: Path
) -> None:
    with pytest.raises(VerificationFailed, match=f"^{QUERY} is not in changed.gguf as planned"):
        rounded.check_tensors(rounded.changed(tmp_path, change))


def test_a_tensor_too_many_is_named(rounded: Converted, tmp_path: Path) -> None:
    def change(content: Content) -> None:
        content.tensors["blk.9.attn_q.weight"] = content.tensors[QUERY]

    with pytest.raises(VerificationFailed, match=r"a tensor too many: blk\.9\.attn_q\.weight"):
        rounded.check_tensors(rounded.changed(tmp_path, change))


def test_exchanged_tensors_are_found(rounded: Converted, tmp_path: Path) -> None:
    def change(content: Content) -> None:
        tensors = content.tensors
        tensors[KEY], tensors[VALUE] = tensors[VALUE], tensors[KEY]

    with pytest.raises(VerificationFailed, match=f"^{KEY} is"):
        rounded.check_tensors(rounded.changed(tmp_path, change))


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("tokenizer.chat_template", "{{ bos_token }}", "the chat template"),
        ("tokenizer.ggml.bos_token_id", 4, "<bos>"),
        ("tokenizer.ggml.add_space_prefix", True, "a Tajik text's round trip"),
    ],
)
def test_wrong_metadata_is_named(
    key: str, value: object, what: str, rounded: Converted, tmp_path: Path
) -> None:
    def change(content: Content) -> None:
        content.metadata[key] = value

    path = rounded.changed(tmp_path, change)
    with pytest.raises(VerificationFailed, match=f"In changed.gguf, {what} is not as written"):
        answer_of(path, rounded.tokenizer)


def test_a_piece_too_many_and_another_end_of_a_turn_are_named(rounded: Converted) -> None:
    tokenizer = rounded.tokenizer
    fewer = replace(tokenizer, pieces=tokenizer.pieces[:-1])
    with pytest.raises(VerificationFailed, match="the number of pieces is not"):
        answer_of(rounded.path, fewer)
    other = replace(tokenizer, special=replace(tokenizer.special, end_of_turn=300))
    with pytest.raises(VerificationFailed, match="the end of a turn is not"):
        answer_of(rounded.path, other)


def test_weights_that_are_no_numbers_are_found(rounded: Converted, tmp_path: Path) -> None:
    def change(content: Content) -> None:
        content.tensors["output_norm.weight"][0][:] = np.nan

    path = rounded.changed(tmp_path, change)
    with pytest.raises(VerificationFailed, match=r"output_norm\.weight is nan% off"):
        rounded.check_tensors(path)
    with pytest.raises(VerificationFailed, match="logits that are no numbers"):
        answer_of(path, rounded.tokenizer)


def test_a_file_cut_short_is_found(rounded: Converted, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(rounded.path.read_bytes()[:-4096])
    with pytest.raises(VerificationFailed, match=r"cannot load cut\.gguf"):
        answer_of(path, rounded.tokenizer)
    with pytest.raises(VerificationFailed, match=r"^cut\.gguf is cut off in "):
        rounded.check_tensors(path)


def test_a_file_cut_in_its_head_is_found(rounded: Converted, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(rounded.path.read_bytes()[:1000])
    with pytest.raises(VerificationFailed, match=r"cannot read the head of cut\.gguf"):
        rounded.check_tensors(path)


def test_only_calibrated_tensors_may_be_far_from_their_source(
    rounded: Converted, tmp_path: Path
) -> None:
    """An embedding in Q8_0 is rounded by itself: 5 % off is not its source."""

    def change(content: Content) -> None:
        data, _ = content.tensors["token_embd.weight"]
        scales = data.reshape(-1, 34)[:, :2].view(np.float16)
        scales *= np.float16(1.05)

    path = rounded.changed(tmp_path, change)
    with pytest.raises(VerificationFailed, match=r"^token_embd\.weight is [45]\.[0-9]% off"):
        rounded.check_tensors(path)
    tensor_errors(path, rounded.tensors, Silent(), calibrated={"token_embd.weight"})
