"""Skeletons: point statements of the simple protocol, found by their text without its literals.

Rule 1: what a session has said twice is prepared: the skeleton's plan is made while the locks of the statement that
        was just run are still held.
Rule 2: only statements about one row by its key are kept: for all others a plan for the very literals is better.
Rule 3: a skeleton answers as its text does: the columns are the same, and every error is left to the text itself,
        where it has its position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.session.block import State
from server.session.execution import plan
from server.session.lane import Lane, make_lane
from server.session.native import run_lane
from server.sql.lexer import BIGINT, INTEGER, NUMERIC, STRING
from server.sql.native import skeleton
from server.statements.portal import Prepared

if TYPE_CHECKING:
    from server.planner.physical import PlannedStatement
    from server.session.session import Session

Key = tuple[str, str]

SKELETONS_MAX = 512
PARAMETER_OIDS = {INTEGER: 23, BIGINT: 20, NUMERIC: 1700, STRING: 0}
"""What a literal's letter says of its type; 0: what the context makes of it."""


def find(session: Session, sql: str) -> tuple[Prepared, tuple[str, ...]] | None:
    """The prepared statement of a text that has one, and the literals that are its parameters."""
    if not session.skeletons:
        return None
    lifted = skeleton(sql)
    if lifted is None:
        return None
    prepared = session.skeletons.get((lifted.text, lifted.kinds))
    return None if prepared is None else (prepared, lifted.values)


def remember(session: Session, sql: str, planned: PlannedStatement) -> None:
    """A text was run by this plan: keep its skeleton, or, the first time, that it was seen."""
    lifted = skeleton(sql)
    if lifted is None or planned.catalog_version < 0:
        return
    key = (lifted.text, lifted.kinds)
    known = session.skeletons
    if key not in known:
        if len(known) >= SKELETONS_MAX:
            known.clear()
        known[key] = None
        return
    found = known[key]
    if found is None or found.basis is not session.basis():
        known[key] = _prepare(session, key, planned)


def _prepare(session: Session, key: Key, planned: PlannedStatement) -> Prepared | None:
    """The skeleton's statement, if it is one for the short path."""
    text, kinds = key
    types = tuple(PARAMETER_OIDS[kind] for kind in kinds)
    try:
        (statement,) = session.database.plans.statements(text)
        prepared = Prepared("", text, statement, types)
        prepared.planned = plan(session, statement, types)
    except SqlError:
        return None
    made = prepared.planned
    if made.names != planned.names or made.types != planned.types:
        return None
    prepared.lane = make_lane(session, made)
    prepared.basis = session.basis()
    return None if prepared.lane is None else prepared


def answer_text(session: Session, sql: str) -> bytes | None:
    """The rows and the end of a text whose skeleton has a lane, within a transaction; None: run the text."""
    found = find(session, sql)
    if found is None or session.transaction.state is State.FAILED:
        return None
    prepared, literals = found
    lane: Lane | None = prepared.lane
    if lane is None or prepared.basis is not session.basis():
        return None
    planned = lane.planned
    parameters = parse_literals(session, lane, literals)
    if parameters is None:
        return None
    formats = (0,) * len(planned.names)
    data = run_lane(session, lane, parameters, formats)
    if data is None or not planned.returns_rows:
        return data
    return lane.description(formats) + data


def parse_literals(
    session: Session, lane: Lane, literals: tuple[str, ...]
) -> tuple[Any, ...] | None:
    """Literals in row form; None where one does not parse: the text has a position for it."""
    try:
        return tuple(
            [
                reference.type.parse(literal, -1, session.style)
                for literal, reference in zip(literals, lane.planned.parameters, strict=True)
            ]
        )
    except SqlError:
        return None
