"""Operators by name, as regoper and regoperator read and write them: those of users and PostgreSQL's own.

An operator that PostgreSQL has and we have not is named all the same: catalogs are full of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.catalog.routine_objects import UserOperator
from server.catalog.views.physical import fact_of, named_facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid


@dataclass(frozen=True, slots=True)
class NamedOperator:
    """What names an operator: its operands are 0 where there are none."""

    oid: Oid
    name: str
    schema: Oid
    left: Oid
    right: Oid

    @property
    def operands(self) -> tuple[Oid, Oid]:
        """The types of its operands."""
        return self.left, self.right


def operator_of(view: CatalogView, oid: Oid) -> NamedOperator | None:
    """The operator with an OID."""
    value = view.object(oid)
    if isinstance(value, UserOperator):
        return _of_user(value)
    row = fact_of("pg_operator", oid)
    return None if row is None else _of_fact(row)


def operators_in(view: CatalogView, name: str, homes: Sequence[Oid]) -> Iterator[NamedOperator]:
    """The operators of a name in schemas, in the order of these."""
    found = [_of_user(value) for value in view.user_operators_named(name)]
    found += [_of_fact(row) for row in named_facts("pg_operator") if row["oprname"] == name]
    for home in homes:
        yield from (each for each in found if each.schema == home)


def _of_user(value: UserOperator) -> NamedOperator:
    return NamedOperator(value.oid, value.name, value.schema, value.left, value.right)


def _of_fact(row: Mapping[str, Any]) -> NamedOperator:
    return NamedOperator(
        row["oid"], row["oprname"], row["oprnamespace"], row["oprleft"], row["oprright"]
    )
