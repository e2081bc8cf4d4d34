"""rustydb check DIR: proves a stopped directory consistent, or says what is wrong.

Storage looks at its own first: log, pages, chains of versions, trees and the space map. Then the rows of every
table are held against each of its indexes, both ways, for only the catalog knows how a row becomes a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.catalog import CATALOG_RELATION
from server.catalog.objects import Index, Schema, Table
from server.database import Database
from server.executor.verification import index_problems, index_rows_problems
from server.features import FEATURES
from server.session.execution import context
from server.session.own_sessions import open_session
from storage.errors import NoSuchRelation, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.config import ServerSettings
    from storage.engine import Engine


def directory_problems(engine: Engine, settings: ServerSettings) -> Iterator[str]:
    """Everything that is wrong, a line each."""
    storage_problems = engine.check()
    try:
        database = Database(engine, settings, features=FEATURES)
    except NoSuchRelation:  # made, but not completed: the next start does that
        database = None
    except StorageError as error:
        yield from map(str, storage_problems)
        yield f"catalog: {error}"
        return
    names = {CATALOG_RELATION: "the catalog"}
    for view in database.catalog.views.values() if database is not None else ():
        names |= _names(view)
    for problem in storage_problems:
        yield f"{names.get(problem.relation_id, problem.where)}: {problem.what}"
    if database is not None:
        damaged = {problem.relation_id for problem in storage_problems}
        for database_oid in database.catalog.views:
            yield from _database_problems(database, database_oid, damaged)


def _names(view: CatalogView) -> dict[int, str]:
    """The relations of a database by their numbers in storage."""
    found = {}
    relations: list[Table | Index] = [*view.objects(Table), *view.objects(Index)]
    for relation in relations:
        schema = view.object(relation.schema)
        if relation.storage_id and isinstance(schema, Schema):
            found[relation.storage_id] = f"{schema.name}.{relation.name}"
    return found


def _database_problems(database: Database, database_oid: int, damaged: set[int]) -> Iterator[str]:
    """Rows against indexes, where storage has found both sound."""
    session = open_session(database, database_oid, pid=0)
    execution = context(session)
    for index in database.catalog.views[database_oid].objects(Index):
        table = database.catalog.views[database_oid].object(index.table)
        if not isinstance(table, Table) or not (index.storage_id and index.has_entries):
            continue
        if not index.valid:  # it may lack entries, and nobody uses it
            continue
        if damaged & {index.storage_id, table.storage_id}:
            continue
        try:
            found = list(index_problems(execution, table, index))
            yield from found
            if not found:  # else it is not worth the while, and entries may lead anywhere
                yield from index_rows_problems(execution, table, index, both_ways=True)
        except StorageError as error:
            yield f'{error} in index "{index.name}" of table "{table.name}"'
    session.transaction.abort()
