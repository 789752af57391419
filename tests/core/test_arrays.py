"""How the arrays lie in memory: one record for each environment and workflow, and apart what users get."""

from __future__ import annotations

import numpy as np
import pytest

from c2c_env import Batch, EnvConfig, Team
from c2c_env.core.arrays import Outputs, Params, State, allocate, allocate_apart, array_specs, record_axis, shape_of

APART = {"observation", "action_mask", "reward", "reward_terms", "terminated", "truncated"}


@pytest.fixture(scope="module", params=[1, 3])
def sizes(request):
    return Batch("simple", Team.default(4), EnvConfig(hidden_facts=2), 1).axes(request.param)


@pytest.mark.parametrize("kind", [State, Outputs, Params])
def test_an_array_has_the_shape_and_type_of_its_spec(kind, sizes):
    arrays = allocate(kind, sizes)
    assert list(arrays) == list(array_specs(kind))
    for name, spec in array_specs(kind).items():
        assert (arrays[name].shape, arrays[name].dtype) == (shape_of(spec.axes, sizes), np.dtype(spec.dtype)), name
        assert not arrays[name].any()


@pytest.mark.parametrize("kind", [State, Outputs, Params])
def test_no_array_writes_into_another(kind, sizes):
    arrays = allocate(kind, sizes)
    for number, array in enumerate(arrays.values()):
        array[...] = number
    for number, (name, array) in enumerate(arrays.items()):
        assert (array == number).all(), name


@pytest.mark.parametrize("kind", [State, Outputs, Params])
def test_a_record_is_one_piece_of_memory(kind, sizes):
    specs, arrays = array_specs(kind), allocate(kind, sizes)
    fields = [array for name, array in arrays.items() if record_axis(specs[name])]
    (size,) = {array.strides[0] for array in fields}
    starts = [array.__array_interface__["data"][0] for array in fields]
    assert max(starts) - min(starts) < size
    assert size < sum(array[0].nbytes for array in fields) + 8 * len(fields)  # but for what alignment takes


@pytest.mark.parametrize("kind", [State, Outputs, Params])
def test_rows_are_contiguous_as_compiled_code_takes_for_granted(kind, sizes):
    for name, array in allocate(kind, sizes).items():
        assert array.flags.aligned, name
        for row in array:
            assert row.flags.c_contiguous, name


def test_what_users_get_is_apart_and_contiguous(sizes):
    arrays = allocate(Outputs, sizes)
    assert {name for name, spec in array_specs(Outputs).items() if record_axis(spec) is None} == APART
    assert all(arrays[name].flags.c_contiguous for name in APART)


def test_a_device_has_separate_arrays(sizes):
    for array in allocate_apart(State, sizes).values():
        assert array.flags.c_contiguous
        assert array.base is None
