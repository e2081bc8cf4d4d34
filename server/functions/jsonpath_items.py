"""Items of jsonpath, and the error that silent evaluation and predicates hide."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server.errors import SqlError
    from server.types.jsonpath import Step


Items = list[Any]


class PathError(Exception):
    """An error of a path; `error` is what the client sees."""

    def __init__(self, error: SqlError) -> None:
        super().__init__(str(error))
        self.error = error


def is_number(item: Any) -> bool:
    """Whether the item is a number."""
    return isinstance(item, Decimal)


# Methods.


def applied_to(step: Step, what: str) -> str:
    """The message for a method that is applied to something else."""
    return f"jsonpath item method .{step.value}() can only be applied to {what}"
