"""A step of numba's compiler after which an index counts from the start of an array only.

In Python a negative index counts from the end. numba allows for that wherever an index may be negative, which takes a
comparison and a choice at every access: 10 to 28 % of the time of a step with its observations. The kernels never use
one, which `tests/core/compile` checks by running them interpreted, so every index of an array is declared unsigned.
"""

from __future__ import annotations

from typing import Any

from numba.core import ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NoPythonSupportedFeatureValidation
from numba.core.typing.templates import signature


@register_pass(mutates_CFG=False, analysis_only=False)
class UnsignedIndices(FunctionPass):
    """Declare the integers by which arrays are indexed to be unsigned."""

    _name = "c2c_env_unsigned_indices"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """Change the signature of every access; what calls it casts its index to that. Return whether one changed."""
        accesses = [node for node in state.calltypes if is_access(node)]
        for node in accesses:
            access = state.calltypes.pop(node)  # what is in there cannot be overwritten
            state.calltypes[node] = with_unsigned_index(access)
        return bool(accesses)


class FromTheStart(CompilerBase):
    """The usual compiler of numba with `UnsignedIndices`."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(UnsignedIndices, NoPythonSupportedFeatureValidation)
        passes.finalize()
        return [passes]


def is_access(node: Any) -> bool:
    """Whether a node of numba's intermediate representation reads or writes by an index."""
    return isinstance(node, ir.SetItem) or (isinstance(node, ir.Expr) and node.op == "getitem")


def with_unsigned_index(access: Any) -> Any:
    """Return the signature of an access (array, index, ...) with an unsigned index; others are returned as they are."""
    indexed, index, *rest = access.args
    if not isinstance(indexed, types.Array):
        return access
    return signature(access.return_type, indexed, unsigned(index), *rest)


def unsigned(index: Any) -> Any:
    """Return the type of an index, its integers unsigned."""
    if isinstance(index, types.UniTuple | types.Tuple):
        return types.Tuple([unsigned(part) for part in index.types])
    return types.uintp if isinstance(index, types.Integer) else index
