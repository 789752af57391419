"""The type of arrays in compiled code: rows that lie anywhere, each contiguous."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numba.core import types

from c2c_env import Batch, EnvConfig, Team
from c2c_env.core.compile.row_arrays import RowArray, types_of, with_rows


class Pair(NamedTuple):
    count: int
    values: np.ndarray


class Twins(NamedTuple):
    left: np.ndarray
    right: np.ndarray


def fill(values, rows):
    """Number the elements of rows of `values` [B, N, M], in C order."""
    for n in range(rows.shape[0]):
        number = 0.0
        for i in range(values.shape[1]):
            for j in range(values.shape[2]):
                number += 1.0
                values[rows[n], i, j] = number


def add_one(values, b):
    for j in range(values.shape[1]):
        values[b, j] = values[b, j] + 1.0


def compiled(function, *arguments, kinds=None):
    dispatcher = numba.njit(_nrt=False, error_model="numpy")(function)
    dispatcher.compile(types_of(arguments) if kinds is None else kinds)
    (only,) = dispatcher.overloads.values()
    return only.entry_point, dispatcher


def records(count):
    return np.zeros(count, dtype=np.dtype([("before", "i1"), ("values", "f8", (2, 3)), ("after", "i2")], align=True))


def test_fields_of_records_are_written_in_place():
    given = records(4)
    entry, _ = compiled(fill, given["values"], np.arange(1))
    entry(given["values"], np.array([3, 1]))
    assert given["values"][1].tolist() == given["values"][3].tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert not given["values"][[0, 2]].any()
    assert not given["before"].any()
    assert not given["after"].any()


def test_what_was_compiled_for_one_row_serves_many_and_contiguous_ones():
    one, many, whole = records(1)["values"], records(3)["values"], np.zeros((3, 2, 3))
    entry, _ = compiled(fill, one, np.arange(1))
    for values in (one, many, whole):
        entry(values, np.arange(len(values)))
        assert (values == np.arange(1.0, 7.0).reshape(2, 3)).all()


def test_every_other_row_can_be_handed_in():
    values, rows = np.zeros((6, 2, 3)), np.arange(6)
    entry, _ = compiled(fill, values, rows)
    entry(values[::2], rows[:3])
    assert values[::2].all()
    assert not values[1::2].any()


def test_a_loop_over_a_row_is_vectorised():
    def vectors(array_type):
        _, dispatcher = compiled(add_one, kinds=(array_type, types.intp))
        (code,) = dispatcher.inspect_llvm().values()
        return code.count("fadd <")

    assert vectors(RowArray(types.float64, 2)) > 0
    assert vectors(types.Array(types.float64, 2, "A")) == 0  # numba's own type is no substitute


def test_strides_within_a_row_are_not_read():
    """Numba's own type for arrays that are not contiguous has the stride of every axis multiplied; here one is left."""

    def read(values, b, i, j):
        return values[b, i, j]

    def strides_read(array_type):
        _, dispatcher = compiled(read, kinds=(array_type, *[types.intp] * 3))
        (code,) = dispatcher.inspect_llvm().values()
        instructions = code[code.index("\nB0:") :].partition("\n}")[0]
        return [axis for axis in range(3) if f"%arg.values.6.{axis}" in instructions]

    assert strides_read(RowArray(types.float64, 3)) == [0]
    assert strides_read(types.Array(types.float64, 3, "A")) == [0, 1, 2]


def test_types_do_not_depend_on_how_many_environments_there_are():
    """A batch of one has contiguous arrays, others have not, and both call the same compiled code."""

    def kinds(num_envs):
        batch = Batch("simple", Team.default(3), EnvConfig(), num_envs)
        return types_of((batch.params, batch.state, batch.out, batch.action_buffer))

    assert kinds(1) == kinds(2) == kinds(5)


def test_arrays_in_named_tuples_are_found():
    values = np.zeros((2, 3), dtype=np.float32)
    (pair,) = types_of((Pair(1, values),))
    assert tuple(pair.types) == (types.int64, RowArray(types.float32, 2))
    assert pair.instance_class is Pair
    (twins,) = types_of((Twins(values, values),))
    assert tuple(twins.types) == (RowArray(types.float32, 2),) * 2
    assert twins.instance_class is Twins


def test_what_is_no_array_keeps_its_type():
    assert types_of((1, 2.0)) == (types.int64, types.float64)
    assert with_rows(types.boolean) == types.boolean
