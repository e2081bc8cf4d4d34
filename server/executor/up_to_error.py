"""Rows before one that raises: who wants a few rows only must not fail for those behind them.

Rule 1: what is computed for many rows at once is computed again for halves of them if it raises, so what changes
        something is not computed here.
Rule 2: where all rows are wanted the error comes anyway, and at once; but rows that are changed as they come may have
        an error of their own before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from server.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.executor.context import ExecutionContext

Made = TypeVar("Made")


def up_to_error(
    start: int, stop: int, compute: Callable[[int, int], Made], context: ExecutionContext
) -> Iterator[Made]:
    """What is computed of rows from start to stop, in parts up to the first row that raises, and then its error."""
    try:
        found = compute(start, stop)
    except SqlError as error:
        if error.is_intervention or stop - start < 2 or not has_use_for_less(context):
            raise
        middle = (start + stop) // 2
        yield from up_to_error(start, middle, compute, context)
        yield from up_to_error(middle, stop, compute, context)
        return
    yield found


def has_use_for_less(context: ExecutionContext) -> bool:
    """Whether rows before one that raises are of use to anybody."""
    return context.is_changing or may_stop(context)


def may_stop(context: ExecutionContext) -> bool:
    """Whether the rest of the rows may not be wanted."""
    return context.is_lazy or context.is_cursor
