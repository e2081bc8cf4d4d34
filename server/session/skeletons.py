"""Skeletons: point statements of the simple protocol, found by their text without its literals.

Rule 1: what was said twice is prepared: the skeleton's plan is made while the locks of the statement that was just
        run are still held. Other sessions for which the plan is the same take it over at once.
Rule 2: only statements about one row by its key and small queries are prepared: others have plans for literals that
        are about as selective (literal_plans.py), and so have queries that turn out not to be small.
Rule 3: a skeleton answers as its text does: the columns are the same, and every error is left to the text itself,
        where it has its position.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from server.errors import SqlError
from server.expressions.expression import Expression
from server.expressions.parameters_only import is_computed_of_parameters
from server.plan_cache import Point
from server.planner.matching import is_volatile
from server.planner.plan_parts import parts_of
from server.session import literal_plans
from server.session.access import check_access
from server.session.block import State
from server.session.execution import plan, plan_key
from server.session.lane import Lane, make_lane
from server.session.literal_plans import parameter_types
from server.session.loop_time import PLANNING_LOOKS_MIN, TakesLong
from server.session.native import run_lane
from server.sql.native import skeleton
from server.statements.portal import Prepared

if TYPE_CHECKING:
    from server.planner.planned import PlannedStatement
    from server.session.session import Session

Key = tuple[str, str]

SKELETONS_MAX = 512


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
    if lifted is None or planned.catalog_version < 0 or planned.depends_on_moment:
        return
    key = (lifted.text, lifted.kinds)
    known = session.skeletons
    if key not in known:
        _make_room(session)
        known[key] = None
        if not session.database.plans.saw(key):
            return
    found = known[key]
    if found is None and literal_plans.is_refused(session, lifted):
        return
    is_left = found is not None and found.basis is session.basis()
    if not is_left:
        found = known[key] = _prepare(session, key, planned)
    if found is None or (is_left and found.lane is not None and found.lane.may_be_large):
        literal_plans.keep(session, lifted, planned)


def _make_room(session: Session) -> None:
    if len(session.skeletons) >= SKELETONS_MAX:
        session.skeletons.clear()


def _computes_literals(planned: PlannedStatement) -> bool:
    """Whether something is computed of literals alone, which may fail while a text is planned."""
    return any(
        is_computed_of_parameters(node) and not is_volatile(node)
        for node in parts_of(planned.plan, Expression)
    )


def take_over(session: Session, key: Key) -> Prepared | None:
    """If another session has prepared a skeleton that is new to this one, do as if this one had."""
    if key in session.skeletons:
        return None
    text, types = key[0], parameter_types(key[1])
    point = session.database.plans.point(plan_key(session, text, 0, types))
    if point is None:
        return None
    planned = point.planned
    try:
        check_access(session.transaction.catalog, planned.access)
        (statement,) = session.database.plans.statements(text)
    except SqlError:
        return None
    prepared = Prepared("", text, statement, types)
    prepared.planned, prepared.basis = planned, session.basis()
    prepared.lane = point.lane or make_lane(session, planned)
    _make_room(session)
    session.skeletons[key] = prepared
    return prepared


def _prepare(session: Session, key: Key, planned: PlannedStatement) -> Prepared | None:
    """The skeleton's statement, if it is one for the short path."""
    text, kinds = key
    types = parameter_types(kinds)
    try:
        (statement,) = session.database.plans.statements(text)
        prepared = Prepared("", text, statement, types)
        make = partial(plan, session, statement, types)
        prepared.planned = session.loop_time.within(make, PLANNING_LOOKS_MIN)
    except (SqlError, TakesLong):
        return None
    made = prepared.planned
    if made.names != planned.names or made.types != planned.types:
        return None
    prepared.lane = make_lane(session, made)
    prepared.basis = session.basis()
    lane = prepared.lane
    if lane is None or lane.is_whole or (lane.is_tried and _computes_literals(made)):
        return None
    if prepared.lane.may_be_large and not (
        literal_plans.is_alike(made.plan, planned.plan) or literal_plans.is_as_cheap(made, planned)
    ):
        return None
    point = Point(made, prepared.lane if prepared.lane.serves_all else None)
    session.database.plans.keep_point(plan_key(session, text, statement.offset, types), point)
    return prepared


def answer_text(session: Session, sql: str) -> bytes | None:
    """The rows and the end of a text whose skeleton has a lane, within a transaction; None: run the text."""
    if session.transaction.state is State.FAILED:
        return None
    lifted = skeleton(sql)
    if lifted is not None:
        take_over(session, (lifted.text, lifted.kinds))
    found = find(session, sql)
    if found is None:
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
    if lane.may_fail_without_row and data == lane.complete(0):
        data = None
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
