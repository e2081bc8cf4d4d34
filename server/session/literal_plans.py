"""Plans of texts of the simple protocol that differ in their literals alone, for more than one row by its key.

Rule 1: a text that was said twice is planned with its literals as parameters, its rows estimated for the literals it
        was just run with. The plan is kept for literals that are about as selective (server.planner.judged).
Rule 2: it is kept only if it is as cheap as that of the very text, has the same columns, and computes nothing of
        literals alone: that is done, and may fail, while planning. What a column makes of a literal is computed
        before the plan is taken, and if it fails the text is run: there may be no row to fail for.
Rule 3: a plan that reads much is made for its literals each time: that takes little of the time it runs, and the vector
        machine does more with constants than with parameters.
        Nor is one kept that takes long to plan: that would hold up the others.
Rule 4: what fails before anything runs is left to the text, where errors have their positions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError
from server.expressions.expression import Constant
from server.planner import change_plans, physical
from server.planner.plan_statement import plan_statement
from server.session.access import check_access
from server.session.execution import context, environment, plan_key, take_locks
from server.session.loop_time import PLANNING_LOOKS_MIN, TakesLong
from server.sql.lexer import BIGINT, INTEGER, NUMERIC, STRING
from server.sql.native import skeleton

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.plan_cache import LiteralPlans, PlanKey
    from server.planner.planned import PlannedStatement
    from server.session.session import Session
    from server.sql.lexer import Skeleton
    from server.types.type import TypeReference

Ready = tuple["PlannedStatement", "ExecutionContext"]

PARAMETER_OIDS: Final = {INTEGER: 23, BIGINT: 20, NUMERIC: 1700, STRING: 0}
"""What a literal's letter says of its type; 0: what the context makes of it."""
PLANS_MAX: Final = 16
REFUSED_MAX: Final = 4
COST_FACTOR_MAX: Final = 1.5
COST_FREE: Final = 50.0
"""So much more may a plan cost than that of the text itself: less than planning does."""
COST_MAX: Final = 2_000.0
"""What a plan may cost for planning to be a large part of its time."""


def parameter_types(kinds: str) -> tuple[int, ...]:
    """Type OIDs of literals by their letters."""
    return tuple(PARAMETER_OIDS[kind] for kind in kinds)


def ready_text(session: Session, sql: str) -> Generator[Any, Any, Ready | None]:
    """The plan kept for a text like this one, and a context with its literals; None: run the text."""
    lifted = skeleton(sql)
    transaction = session.transaction
    if lifted is None or transaction.is_failed:
        return None
    if session.database.plans.literal_plans(_key(session, lifted)) is None:
        return None
    transaction.start_statement()
    yield from transaction.await_safe_snapshot()
    version = transaction.catalog.version
    found = _find(session, lifted)
    if found is None:
        return None
    planned, values = found
    yield from take_locks(session, planned, values)
    if transaction.catalog.version != version:
        return None
    check_access(transaction.catalog, planned.access)
    return planned, context(session, values)


def _find(session: Session, lifted: Skeleton) -> tuple[PlannedStatement, tuple[Any, ...]] | None:
    kept = session.database.plans.literal_plans(_key(session, lifted))
    if kept is None or kept.judged is None:
        return None
    any_plan = next(iter(kept.by_grades.values()))
    constants = _constants(session, any_plan.parameters, lifted.values)
    if constants is None:
        return None
    planned = kept.by_grades.get(kept.judged.grades(constants))
    values = tuple(each.value for each in constants)
    return None if planned is None or kept.judged.is_refused(values) else (planned, values)


def is_refused(session: Session, lifted: Skeleton) -> bool:
    """Whether a text has shown often enough that it has no plan without its literals, as the catalog is now."""
    kept = session.database.plans.literal_plans(_key(session, lifted))
    return kept is not None and kept.refused >= REFUSED_MAX


def keep(session: Session, lifted: Skeleton, planned: PlannedStatement) -> None:
    """A text was run by this plan: make one of its literals as parameters, and keep it if it is as good."""
    cache, key = session.database.plans, _key(session, lifted)
    kept = cache.literal_plans(key) or cache.keep_literal_plans(key)
    if planned.catalog_version < 0:
        return
    is_dear = planned.plan.estimate.total_cost > COST_MAX
    made = None if is_dear else _made(session, lifted, planned)
    if made is None:
        kept.refused += 1
        return
    constants = _constants(session, made.parameters, lifted.values)
    assert made.judged is not None
    if constants is not None:
        _add(kept, made, constants)


def _add(kept: LiteralPlans, made: PlannedStatement, constants: tuple[Constant, ...]) -> None:
    if kept.judged is None or len(kept.by_grades) >= PLANS_MAX:
        kept.judged = made.judged
        kept.by_grades.clear()
    assert kept.judged is not None
    kept.by_grades[kept.judged.grades(constants)] = made


def _key(session: Session, lifted: Skeleton) -> PlanKey:
    return plan_key(session, lifted.text, 0, parameter_types(lifted.kinds))


def _made(session: Session, lifted: Skeleton, planned: PlannedStatement) -> PlannedStatement | None:
    """The plan with parameters, None if it does not do what that of the text does."""
    types = parameter_types(lifted.kinds)
    try:
        (statement,) = session.database.plans.statements(lifted.text)
        known = replace(environment(session, types), samples=lifted.values)
        make = partial(plan_statement, statement, known)
        made = session.loop_time.within(make, PLANNING_LOOKS_MIN)
    except (SqlError, TakesLong):
        return None
    judged = made.judged
    if judged is None or judged.computes_alone or _is_for_some_values(made.plan):
        return None
    if (made.names, made.types, made.tag) != (planned.names, planned.types, planned.tag):
        return None
    return made if is_as_cheap(made, planned) else None


def _is_for_some_values(plan: physical.Plan) -> bool:
    """Whether it is a plan for certain parameters only: others may have another one."""
    clause = plan.conflict if isinstance(plan, change_plans.Insert) else None
    return clause is not None and bool(clause.assumed)


def is_alike(made: physical.Plan, planned: physical.Plan) -> bool:
    """Whether two plans do the same, but for values and estimates."""
    if type(made) is not type(planned) or made.output != planned.output:
        return False
    if isinstance(made, physical.IndexScan) and isinstance(planned, physical.IndexScan):
        conditions = [
            [(item.position, item.operator) for item in scan.conditions] for scan in (made, planned)
        ]
        return made.index is planned.index and conditions[0] == conditions[1]
    return all(
        is_alike(getattr(made, name), getattr(planned, name))
        for name in ("input", "left", "right")
        if hasattr(made, name)
    )


def is_as_cheap(made: PlannedStatement, planned: PlannedStatement) -> bool:
    """Whether a plan with parameters is about as good as that of the text."""
    limit = planned.plan.estimate.total_cost * COST_FACTOR_MAX + COST_FREE
    return made.plan.estimate.total_cost <= limit


def _constants(
    session: Session, types: tuple[TypeReference, ...], literals: tuple[str, ...]
) -> tuple[Constant, ...] | None:
    """Literals as constants; None where one is no value of its type."""
    try:
        return tuple(
            [
                Constant(type=kind, value=kind.type.parse(literal, -1, session.style))
                for literal, kind in zip(literals, types, strict=True)
            ]
        )
    except SqlError:
        return None
