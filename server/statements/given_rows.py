"""GivenRows: what a statement knows of its rows of parameters that is planned as one row and run for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Rows of parameters: how many, and the types that were declared of all parameters, 0 for none.

    is_mixed: of a column they differ from row to row; then one that was declared is an integer, or that of the column.
    """

    count: int
    types: tuple[int, ...]
    is_mixed: bool

    def parameters(self, columns: tuple[TypeReference, ...]) -> tuple[TypeReference, ...]:
        """The types of all parameters, of those that the columns are planned with."""
        every = columns * self.count
        if not self.is_mixed:
            return every
        return tuple(
            [
                TypeReference(TYPE_BY_OID[told]) if told and told != planned.oid else planned
                for told, planned in zip(self.types, every, strict=True)
            ]
        )
