"""The type by which compiled functions know an array: its rows lie anywhere, and each is contiguous.

The arrays of a batch are fields of records (`core.arrays`), so one environment's row of an array is followed by its
rows of the others. numba knows contiguous arrays and, for all others, reads the stride of every axis from memory. Then
a loop over a row is not vectorised, and an observation takes a quarter more time. Here only the first stride is read,
and the others follow from the shape.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.core.datamodel.models import ArrayModel
from numba.core.datamodel.registry import register_default


class RowArray(types.Array):
    """An array whose rows [...] are contiguous, and equally far apart."""

    def __init__(self, dtype: Any, ndim: int) -> None:
        super().__init__(dtype, ndim, "A", name=f"rows({dtype}, {ndim})")


@register_default(RowArray)
class RowArrayModel(ArrayModel):
    """How compiled code holds such an array: as numba's own, but with strides that the compiler knows."""

    def from_argument(self, builder: Any, value: Any) -> Any:
        """Put the strides of all axes but the first, in bytes, into an array that a function is called with."""
        array = super().from_argument(builder, value)
        shape, strides = self.get(builder, array, "shape"), self.get(builder, array, "strides")
        step = ir.Constant(strides.type.element, self.fe_type.dtype.bitwidth // 8)
        for axis in range(self.fe_type.ndim - 1, 0, -1):
            strides = builder.insert_value(strides, step, [axis])
            step = builder.mul(step, builder.extract_value(shape, [axis]))
        return self.set(builder, array, strides, self.get_field_position("strides"))


def types_of(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The types for which an entry point is compiled, to be called with these arguments."""
    return tuple(with_rows(numba.typeof(argument)) for argument in arguments)


def with_rows(kind: Any) -> Any:
    """A type with `RowArray` in the place of every array, also in named tuples, however deep."""
    if isinstance(kind, types.Array):
        return RowArray(kind.dtype, kind.ndim)
    if isinstance(kind, types.NamedTuple | types.NamedUniTuple):
        return types.BaseTuple.from_types([with_rows(part) for part in kind.types], kind.instance_class)
    return kind
