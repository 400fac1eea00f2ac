"""Which type each tensor gets: the norms keep F32, spare bytes go where they gain most."""

from itertools import pairwise

import pytest

from convert import gemma3
from convert.checkpoint.config import Gemma3Config, read_config
from convert.errors import BadTarget
from convert.quantize.bit_allocation import (
    INT4,
    TYPES,
    Plan,
    Type,
    group_name,
    names_of,
    plan_types,
    require_size,
    size_bytes,
    spend,
)
from tests.convert.checkpoints import write_checkpoint

ROWS = 320
GROUPS = [group_name(layer, stage) for layer in range(6) for stage in gemma3.STAGES]
GAINS = {group: 1.0 / (3 + number * 7 % 24) for number, group in enumerate(GROUPS)}
"""All different."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Gemma3Config:
    return read_config(write_checkpoint(tmp_path_factory.mktemp("model")).folder)


@pytest.fixture(scope="module")
def smallest(config: Gemma3Config) -> Plan:
    return plan_types(config, rows=ROWS, type=Type.Q4_0)


def _types(plan: Plan) -> dict[str, Type]:
    return {tensor.name: tensor.type for tensor in plan}


def _group_types(plan: Plan) -> dict[str, Type]:
    types = _types(plan)
    found = {}
    for group in GROUPS:
        kinds = {types[name] for name in names_of(group)}
        assert len(kinds) == 1, f"{group} is of several types"
        found[group] = kinds.pop()
    return found


@pytest.mark.parametrize("asked", TYPES.values(), ids=TYPES)
def test_norms_stay_f32_and_the_embedding_is_q8_0_at_least(
    config: Gemma3Config, asked: Type
) -> None:
    plan = plan_types(config, rows=ROWS, type=asked)
    for tensor in plan:
        if gemma3.is_norm(tensor.name):
            assert tensor.type is Type.F32
        elif tensor.name == gemma3.EMBEDDING:
            assert tensor.type is (Type.Q8_0 if asked in INT4 else asked)
            assert tensor.shape == (ROWS, config.width)
        else:
            assert tensor.type is asked
    assert [tensor.name for tensor in plan] == list(config.tensor_shapes())


def test_a_group_names_its_tensors() -> None:
    stage = ("self_attn.q_proj", "self_attn.k_proj")
    assert names_of(group_name(11, stage)) == [
        "model.layers.11.self_attn.q_proj.weight",
        "model.layers.11.self_attn.k_proj.weight",
    ]


def test_nothing_spare_changes_nothing(smallest: Plan) -> None:
    assert spend(smallest, 0, GAINS) == list(smallest)


def test_a_size_below_the_least_is_refused_with_the_least() -> None:
    require_size(1_234_567, 1_234_567)
    require_size(1_234_567, None)
    with pytest.raises(BadTarget, match=r"takes at least 1\.2 MB") as caught:
        require_size(1_234_567, 1_234_566)
    assert "`--size 1.3MB` or more" in caught.value.hint


def test_spending_never_exceeds_what_is_spare_and_leaves_less_than_the_next_step(
    smallest: Plan,
) -> None:
    for spare in range(0, 200_000, 7001):
        finer = spend(smallest, spare, GAINS)
        left = spare - (size_bytes(finer) - size_bytes(smallest))
        assert left >= 0
        affordable = [
            group
            for group, kind in _group_types(finer).items()
            if kind is not Type.Q8_0 and _next_step(finer, group) <= left
        ]
        assert not affordable


def test_plenty_makes_every_group_q8_0_and_touches_nothing_else(smallest: Plan) -> None:
    finer = spend(smallest, 1 << 30, GAINS)
    assert set(_group_types(finer).values()) == {Type.Q8_0}
    others = {name for name in _types(smallest) if not name.endswith("_proj.weight")}
    assert {name: _types(finer)[name] for name in others} == {
        name: _types(smallest)[name] for name in others
    }
    assert [tensor.name for tensor in finer] == [tensor.name for tensor in smallest]


def test_the_first_bytes_go_where_each_gains_most(smallest: Plan) -> None:
    worth = {group: gain / _next_step(smallest, group) for group, gain in GAINS.items()}
    best = max(worth, key=worth.__getitem__)
    changed = _group_types(spend(smallest, _next_step(smallest, best), GAINS))
    assert {group for group, kind in changed.items() if kind is not Type.Q4_0} == {best}


def test_a_small_matrix_that_gains_less_but_more_for_each_byte_comes_first(smallest: Plan) -> None:
    small, large = "0 self_attn.o_proj", "0 mlp.gate_proj mlp.up_proj"
    spare = _next_step(smallest, large)
    assert spare == 3 * _next_step(smallest, small)
    types = _group_types(spend(smallest, spare, {small: 0.5, large: 1.0}))
    assert (types[small], types[large]) == (Type.Q5_0, Type.Q4_0)


def test_among_equal_matrices_the_one_that_gains_more_is_never_coarser(smallest: Plan) -> None:
    downs = sorted((group for group in GROUPS if "down_proj" in group), key=GAINS.__getitem__)
    for spare in range(0, 200_000, 7001):
        types = _group_types(spend(smallest, spare, {group: GAINS[group] for group in downs}))
        bits = [_bits(types[group]) for group in downs]
        assert all(less <= more for less, more in pairwise(bits))


def test_a_second_step_wins_a_fourth_of_the_first_and_costs_three_times_as_much(
    smallest: Plan,
) -> None:
    """Between two equal matrices, a first step goes before a second one that counts up to nine times."""
    first, second = (group for group in GROUPS[:8] if "down_proj" in group)
    spare = 4 * _next_step(smallest, first)
    types = _group_types(spend(smallest, spare, {first: 1.0, second: 0.2}))
    assert (types[first], types[second]) == (Type.Q5_0, Type.Q5_0)
    types = _group_types(spend(smallest, spare, {first: 1.0, second: 0.05}))
    assert (types[first], types[second]) == (Type.Q8_0, Type.Q4_0)


def _next_step(plan: Plan, group: str) -> int:
    """Bytes that the next finer type of a group costs."""
    tensors = [tensor for tensor in plan if tensor.name in names_of(group)]
    weights = sum(tensor.shape[0] * tensor.shape[1] for tensor in tensors)
    bytes_in_block = {Type.Q4_0: 18, Type.Q5_0: 22, Type.Q8_0: 34}
    kinds = list(bytes_in_block)
    kind = tensors[0].type
    finer = kinds[kinds.index(kind) + 1]
    return weights // 32 * (bytes_in_block[finer] - bytes_in_block[kind])


def _bits(kind: Type) -> int:
    return {Type.Q4_0: 4, Type.Q5_0: 5, Type.Q8_0: 8}[kind]
