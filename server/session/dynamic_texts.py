"""Texts that bodies give to EXECUTE: what was said twice but for its literals is planned with them as parameters.

Rule 1: as for texts of clients (skeletons.py), only statements about one row by its key and small queries are: others
        have plans for literals that are about as selective.
Rule 2: the columns are those of the text, and what fails before anything runs is left to the text, where errors have
        their positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.executor.row_query import RowQuery
from server.session import literal_plans
from server.session.execution import plan
from server.session.literal_plans import parameter_types
from server.sql.native import skeleton

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.session.session import Session

TEXTS: Final = "dynamic texts"
TEXTS_MAX: Final = 512
REFUSED: Final = "refused"
SEEN: Final = "seen"

Ready = tuple["PlannedStatement", tuple[Any, ...]]


def find(session: Session, sql: str) -> Ready | None:
    """The plan of a text without its literals, and those as parameters; None: plan the text."""
    known = session.basis().routines.get(TEXTS)
    if not known:
        return None
    lifted = skeleton(sql)
    if lifted is None:
        return None
    planned = known.get((lifted.text, lifted.kinds))
    if planned is None or isinstance(planned, str):
        return None
    try:
        values = tuple(
            [
                reference.type.parse(literal, -1, session.style)
                for literal, reference in zip(lifted.values, planned.parameters, strict=True)
            ]
        )
    except SqlError:
        return None
    return planned, values


def remember(session: Session, sql: str, planned: PlannedStatement) -> None:
    """A text has this plan: the second time its skeleton gets one."""
    lifted = skeleton(sql)
    if lifted is None or not lifted.kinds or planned.depends_on_moment:
        return
    known: dict[Any, Any] = session.basis().routines.setdefault(TEXTS, {})
    key = (lifted.text, lifted.kinds)
    found = known.get(key)
    if found is None:
        if len(known) >= TEXTS_MAX:
            known.clear()
        known[key] = SEEN
    elif found == SEEN:
        known[key] = _planned(session, key, planned) or REFUSED


def _planned(
    session: Session, key: tuple[str, str], planned: PlannedStatement
) -> PlannedStatement | None:
    """The skeleton's plan, if it does what the text's does."""
    text, kinds = key
    plans = session.database.plans
    try:
        (statement,) = plans.statements(text)
        made = plan(session, statement, parameter_types(kinds))
    except SqlError:
        return None
    if (made.names, made.types, made.tag) != (planned.names, planned.types, planned.tag):
        return None
    run = plans.program(made).inner
    if run is None:
        return None
    if isinstance(run, RowQuery) and not (
        literal_plans.is_alike(made.plan, planned.plan) or literal_plans.is_as_cheap(made, planned)
    ):
        return None
    return made
