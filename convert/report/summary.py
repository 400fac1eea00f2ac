"""What a plan and its texts come to, in the numbers and sentences of the report. Knows no file."""

from collections import Counter
from collections.abc import Mapping, Sequence

from convert import gemma3
from convert.calibrate.calibration_data import DEFAULT_TEXT, read_text
from convert.options import ConversionOptions
from convert.quantize.bit_allocation import INT4, PlannedTensor, Type
from convert.vocabulary.proof import TokenizationComparison
from convert.vocabulary.trim import VocabularyPlan


def remarks(options: ConversionOptions, vocabulary: VocabularyPlan, *, chat: bool) -> list[str]:
    """Of what was chosen, in sentences without a full stop."""
    found = []
    if vocabulary.rows < vocabulary.old_rows:
        found.append(f"vocabulary cut from {vocabulary.old_rows:,} to {vocabulary.rows:,} pieces")
    if options.type in INT4 and options.calibration is None:
        found.append("not calibrated: every weight was rounded by itself, with weighted scales")
    elif options.type in INT4 and chat:
        found.append("an instruct model: half of the calibration texts are in its chat form")
    return found


def of_checkpoint(said: Sequence[str], type: Type) -> list[str]:
    """What is said of the checkpoint, where its matrices become `type`: only Q4_0 takes INT4 codes over."""
    if type is Type.Q4_0:
        return list(said)
    others = [remark for remark in said if " INT4 matri" not in remark]
    if len(others) < len(said):
        others.append(f"INT4 matrices are dequantized and become {type.name}")
    return others


def quantization(plan: Sequence[PlannedTensor]) -> str:
    """The types of the layers' matrices, the most frequent first."""
    layers = Counter(
        planned.type.name
        for planned in plan
        if gemma3.layer_of(planned.name) is not None and not gemma3.is_norm(planned.name)
    )
    return ", ".join(name for name, _ in layers.most_common())


def bytes_by_type(plan: Sequence[PlannedTensor]) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for planned in plan:
        sizes[planned.type.name] += planned.size_bytes
    return dict(sizes.most_common())


def bytes_by_part(plan: Sequence[PlannedTensor], file_bytes: int) -> dict[str, int]:
    """The rest of the file is its head."""
    sizes: Counter[str] = Counter()
    for planned in plan:
        if gemma3.is_norm(planned.name):
            part = "norms"
        elif gemma3.layer_of(planned.name) is None:
            part = "embedding"
        else:
            part = "attention" if "self_attn" in planned.name else "feed-forward"
        sizes[part] += planned.size_bytes
    sizes["head"] = file_bytes - sum(sizes.values())
    return dict(sizes.most_common())


def tokens_per_word(comparison: Mapping[str, TokenizationComparison]) -> float:
    """In the Tajik calibration text."""
    words = len(read_text(DEFAULT_TEXT).split())
    return comparison["Tajik"].tokens_after / words
