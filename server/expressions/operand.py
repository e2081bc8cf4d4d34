"""Operand: an operand that can be evaluated at some rows of a batch only, for what does not need it at all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from server.expressions import expression as nodes
from server.expressions.rowwise import Layout
from server.expressions.safety import cannot_raise
from server.vector.batch import Batch
from server.vector.column import Column, Positions

Made = TypeVar("Made")
Evaluator = Callable[[Batch, Any], Column]
Compile = Callable[[Any, Layout], Evaluator]


class Operand:
    """An operand that can be evaluated at some rows of a batch only.

    The form for some rows is made when it is first asked for: conditions in conditions would otherwise be
    compiled twice at every level.
    """

    __slots__ = ("_safe", "_some_rows", "evaluate", "node")

    def __init__(self, node: nodes.Expression, layout: Layout, compile_columns: Compile) -> None:
        self.node = node
        self.evaluate = compile_columns(node, layout)
        self._some_rows = lazily(lambda: _at_some_rows(node, layout, compile_columns))
        self._safe: bool | None = None

    @property
    def safe(self) -> bool:
        """Whether evaluating it at rows nobody asks for can do no harm."""
        if self._safe is None:
            self._safe = cannot_raise(self.node)
        return self._safe

    def at(self, batch: Batch, positions: Positions, context: Any) -> Column:
        """The operand at the positions."""
        if len(positions) == batch.count:
            return self.evaluate(batch, context)
        indexes, restricted = self._some_rows()
        columns = tuple(batch.columns[index].take(positions) for index in indexes)
        return restricted(Batch(columns, len(positions)), context)


def _at_some_rows(
    node: nodes.Expression, layout: Layout, compile_columns: Compile
) -> tuple[tuple[int, ...], Evaluator]:
    """Where the columns are that the operand reads, and its form over these alone."""
    used = sorted(nodes.columns_used(node))
    restricted = compile_columns(node, {column: number for number, column in enumerate(used)})
    return tuple(layout[column] for column in used), restricted


def lazily(make: Callable[[], Made]) -> Callable[[], Made]:
    """What make makes, made once when it is first asked for."""
    made: list[Made] = []

    def get() -> Made:
        if not made:
            made.append(make())
        return made[0]

    return get
