"""Failure: a plan whose error was found while it was made."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from server.executor.operator import Builder, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.executor.context import ExecutionContext
    from server.planner import physical
    from server.vector.batch import Batch


class Failure(Operator):
    """Raises the error, each run one of its own."""

    __slots__ = ()

    plan: physical.Failure

    def __init__(self, plan: physical.Failure, builder: Builder) -> None:
        super().__init__(plan, builder)

    def run(self, context: ExecutionContext) -> Iterator[Batch]:
        """Raise."""
        raise copy(self.plan.error)
