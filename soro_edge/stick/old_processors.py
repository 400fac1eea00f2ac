"""Which file of a model suits a processor below AVX2, by the types of its weights.

Few types have hand-written code for such processors, in llama.cpp or in our patches; the others run many
times slower there. A stick's maker counts with the times below, and a computer takes its quickest file.
Knows the header of a GGUF file, no processor and no stick.
"""

from collections.abc import Iterable, Mapping

from soro_edge.gguf_header import GgufHeader

PICOSECONDS_A_WEIGHT: Mapping[str, int] = {
    "Q4_0": 113,
    "Q8_0": 161,
    "F32": 493,
    "Q4_1": 778,
    "IQ4_NL": 917,
    "BF16": 1239,
    "Q5_1": 1358,
    "Q5_0": 1373,
    "F16": 1574,
}
"""One thread of the build for SSE4.2 at decoding, by `python -m tests.benchmarks.weight_types LIBRARIES` on
a busy machine: only their ratios count."""
_UNMEASURED_PICOSECONDS = max(PICOSECONDS_A_WEIGHT.values())
_QUICK_PICOSECONDS = 2 * PICOSECONDS_A_WEIGHT["Q8_0"]
_SLOW_SHARE = 0.05
"""A file is quick where at most this share of its weights has slow types."""


def token_microseconds(header: GgufHeader) -> int:
    """How long the weights alone take for one token, on one thread without AVX2."""
    picoseconds = sum(
        count * PICOSECONDS_A_WEIGHT.get(name, _UNMEASURED_PICOSECONDS)
        for name, count in header.weights_by_type.items()
    )
    return picoseconds // 1_000_000


def is_quick(header: GgufHeader) -> bool:
    """Whether (nearly) all weights have a type with code for processors below AVX2."""
    slow = sum(
        count
        for name, count in header.weights_by_type.items()
        if PICOSECONDS_A_WEIGHT.get(name, _UNMEASURED_PICOSECONDS) > _QUICK_PICOSECONDS
    )
    return slow <= _SLOW_SHARE * max(1, sum(header.weights_by_type.values()))


def slow_families(headers: Iterable[GgufHeader]) -> list[str]:
    """Names of the models of which no file is quick on processors below AVX2."""
    quick: dict[str, bool] = {}
    names: dict[str, str] = {}
    for header in headers:
        family = model_family(header)
        quick[family] = quick.get(family, False) or is_quick(header)
        names[family] = header.text("general.name") or family
    return [names[family] for family, one_is_quick in quick.items() if not one_is_quick]


def model_family(header: GgufHeader) -> str:
    """The same text for all files that one checkpoint was converted to, whatever their types."""
    architecture = header.text("general.architecture")
    sizes = (
        header.number(f"{architecture}.{key}")
        for key in ("block_count", "embedding_length", "feed_forward_length")
    )
    name = header.text("general.name")
    return f"{architecture} {name} {'x'.join(map(str, sizes))} {header.pieces}"
