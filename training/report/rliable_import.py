"""The library rliable, which the files of this folder take from here.

rliable 1.2 stands on arch 7 and does not run on arch 8. arch 7 calls a private decorator of pandas with the arguments
that it had before pandas 3, where its import fails. While it is imported, the decorator gets the one that is missing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pandas.util import _decorators

__all__ = ["library", "metrics"]


@contextmanager
def _earlier_signature() -> Iterator[None]:
    decorator = _decorators.deprecate_kwarg
    if "klass" in inspect.signature(decorator).parameters:  # the kind of warning, since pandas 3
        _decorators.deprecate_kwarg = partial(decorator, FutureWarning)
    try:
        yield
    finally:
        _decorators.deprecate_kwarg = decorator


with _earlier_signature():
    from rliable import library, metrics
