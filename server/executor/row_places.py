"""Which of the rows that are written at once an error is about.

Rule 1: an error says the place of its row among those that its raiser was given; who has chosen these out of others
        puts the place among the others in its stead.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from server.errors import SqlError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from server.executor.context import ExecutionContext
    from server.executor.evaluation import Evaluator
    from server.vector.batch import Batch
    from server.vector.column import Column, Positions


@contextmanager
def at_rows(places: Sequence[int] | Positions) -> Generator[None]:
    """Work on the rows at these places."""
    try:
        yield
    except SqlError as error:
        if error.row >= 0:
            error.row = int(places[error.row])
        raise


@contextmanager
def at_row(place: int) -> Generator[None]:
    """Work on one row: whatever goes wrong is about it."""
    try:
        yield
    except SqlError as error:
        error.row = place
        raise


def by_rows(evaluate: Evaluator, batch: Batch, context: ExecutionContext) -> Column:
    """Evaluate an expression; an error says at which row."""
    try:
        return evaluate(batch, context)
    except SqlError as error:
        if error.row < 0:
            for place in range(batch.count):
                with at_row(place):
                    evaluate(batch.slice(place, place + 1), context)
        raise
