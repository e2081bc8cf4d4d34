"""The elements of CREATE SCHEMA: statements that are run in the new schema, as its owner.

Rule 1: sequences come first, then tables, views, indexes, triggers and grants, in the order they were
        written; so a view may be written before its table.
Rule 2: a name that says a schema has to say the new one.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidTableDefinition, SqlError
from server.executor.waits import Wait
from server.identifiers import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.statements.statement import StatementContext

ORDER: Final = (
    "CREATE SEQUENCE",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE INDEX",
    "CREATE TRIGGER",
    "GRANT",
)


class InvalidSchemaDefinition(SqlError, sqlstate="42P15"):
    """An element of CREATE SCHEMA that would go elsewhere."""


def make_elements(
    context: StatementContext, schema: str, owner: int, elements: Sequence[Any]
) -> Iterator[Wait]:
    """Run the elements."""
    for element in elements:
        _check_schema(schema, element)
    ordered = sorted(elements, key=lambda element: ORDER.index(element.tag))
    with inside_schema(context, schema, owner):
        for element in ordered:
            own = copy(context)
            own.statement = replace(context.statement, tree=element, tag=element.tag)
            run = context.session.database.statements[type(element)].run
            for item in run(own, element):
                if isinstance(item, Wait):
                    yield item


@contextmanager
def inside_schema(context: StatementContext, schema: str, owner: int) -> Iterator[None]:
    """The new schema is where names are looked up first, and its owner's rights count."""
    session = context.session
    settings = session.settings
    path = settings.text("search_path").strip()
    settings.begin()
    settings.set("search_path", ", ".join(filter(None, (quote_identifier(schema), path))))
    try:
        with session.rights.lent(owner):
            yield
    finally:
        if settings.depth:
            settings.rollback()


def _check_schema(schema: str, element: Any) -> None:
    if getattr(element, "persistence", "") == "temporary":
        raise InvalidTableDefinition("cannot create temporary relation in non-temporary schema")
    relation: tuple[str, ...] = getattr(element, "relation", ())
    if len(relation) > 1 and relation[-2] != schema:
        raise InvalidSchemaDefinition(
            f"CREATE specifies a schema ({relation[-2]}) different from the one being "
            f"created ({schema})"
        )
