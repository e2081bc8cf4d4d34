"""Plans over system relations alone: they hold through DDL on tables, which is what clients ask about after it.

Rule 1: such a plan depends on what its names were taken to mean. Objects of kinds that tables bring along (indexes,
        constraints, sequences) can change that only by their names, so the plan holds as long as no relation has a
        name that stands anywhere in the text; of all other kinds nothing at all may have changed.
Rule 2: what may be a name is taken for one, be it in a literal, and a text that may spell one otherwise than it is read
        has no such plan: a plan too few costs time only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Constraint, Index, Schema, Sequence, Table
from server.catalog.statistics_objects import Statistics
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.state import CatalogState
    from server.plan_cache import PlanKey
    from server.planner.planned import PlannedStatement
    from server.session.session import Session

_OF_TABLES: Final = frozenset({Table, Index, Constraint, Sequence, Statistics})
_SCHEMAS_MAX: Final = 20
_WORD: Final = re.compile(r'"([^"]*)"|(\w+)')
_PLAIN: Final = re.compile(
    r"""(?: \s | \w++ | \$\d++ | [-+*/<>=~!@#%^|?:;.,()\[\]]
      | (?<![\w&']) '(?: [^'"\\] | "[^'"\\]{1,63}+" )*+' (?!\s*') | (?<![\w&"]) "[^"\\]{1,63}+" (?!") )*+""",
    re.ASCII | re.VERBOSE,
)
"""Texts whose names and literals are read as they are written: no escapes, prefixes, doubled or dollar quotes, and no
literals that are put together."""
_ODD: Final = re.compile(r"--|/\*|\w{64}|\"\"|[^\x00-\x7f]", re.ASCII)
"""Comments, in which quotes are none, and names that are cut off, have quotes in them or fold in ways of their own."""


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """A plan, what stands in its text that may be a name, and the lists of objects that it was made with."""

    planned: PlannedStatement
    words: frozenset[str]
    lists: dict[type, object]


def keep(session: Session, key: PlanKey, planned: PlannedStatement) -> None:
    """Keep a plan beyond the version of the catalog that it was made for, if it may be."""
    if not _is_of_system(planned):
        return
    view = session.basis().view
    if _ODD.search(key[0]) or not _PLAIN.fullmatch(key[0]):
        return
    words = _words(key[0])
    if not _are_free(words, view):
        return
    made = SystemPlan(planned, words, _lists(view.state))
    session.database.plans.keep_system(_lasting(key), made)


def find(session: Session, key: PlanKey) -> PlannedStatement | None:
    """A plan of an earlier version of the catalog that is still right."""
    found = session.database.plans.system_plan(_lasting(key))
    if found is None:
        return None
    view = session.basis().view
    if view.version < 0 or not _are_same(found.lists, _lists(view.state)):
        return None
    return found.planned if _are_free(found.words, view) else None


def _lasting(key: PlanKey) -> PlanKey:
    """The key without the version."""
    text, offset, _, *rest = key
    return (text, offset, 0, *rest)  # type: ignore[return-value]


def _is_of_system(planned: PlannedStatement) -> bool:
    if planned.writes or planned.uses or planned.calls_routines or planned.locks:
        return False
    if planned.catalog_version < 0 or planned.depends_on_moment or planned.partitions:
        return False
    relations = [oid for oid, _ in planned.relations]
    relations += [access.relation for access in planned.access]
    return bool(relations) and all(oid < FIRST_USER_OID for oid in relations)


def _words(text: str) -> frozenset[str]:
    """What may be a name in a text: as it is written and as it is read, and of arrays also the elements'."""
    words: set[str] = set()
    for quoted, plain in _WORD.findall(text):
        for word in (quoted or plain, *re.findall(r"\w+", quoted)):
            words |= {word, word.lower(), word.lstrip("_"), word.lower().lstrip("_")}
    return frozenset(words)


def _are_free(words: frozenset[str], view: CatalogView) -> bool:
    """Whether no relation of users has one of these names."""
    schemas = [schema.oid for schema in view.objects(Schema)]
    if len(schemas) > _SCHEMAS_MAX:
        return False
    names = view.state.by_name
    return not any(("relation", schema, word) in names for schema in schemas for word in words)


def _lists(state: CatalogState) -> dict[type, Any]:
    return {kind: listed for kind, listed in state.by_kind.items() if kind not in _OF_TABLES}


def _are_same(lists: dict[type, Any], others: dict[type, Any]) -> bool:
    return lists.keys() == others.keys() and all(
        listed is others[kind] for kind, listed in lists.items()
    )
