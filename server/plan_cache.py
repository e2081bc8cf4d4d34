"""PlanCache: parsed texts and finished plans, shared by all sessions.

So that what was seen before is not worked out again.

Rule 1: a plan is found under everything it depends on: text, parameter types, catalog version, search path, user and
        the settings that planning reads. Whatever changes one of these finds nothing.
Rule 2: plans of a transaction with DDL of its own are not kept (its catalog version is negative), nor are those in
        which a literal as 'today' was read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from server.executor.run import prepare
from server.planner.given_rows import over_given_rows
from server.sql.parse import Statement, parse_statements

if TYPE_CHECKING:
    from server.executor.program import Program
    from server.planner.judged import Grades, Judged
    from server.planner.planned import PlannedStatement
    from server.session.system_plans import SystemPlan

TEXTS_CHARACTERS_MAX = 200_000
"""Of all texts whose trees are kept: a character takes some 120 bytes of them."""
PLANS_CHARACTERS_MAX = 250_000
"""Of all texts whose plans are kept: a character takes some 220 bytes of plan and operators."""
_CHARACTERS_MORE = 50  # what a tree or a plan takes however short its text is
SKELETONS_MAX = 4096
TEXT_CHARACTERS_MAX = 4_096
"""Longer statements, mostly INSERTs of many rows, do not come twice and would take much memory."""
LONG_TEXTS_MAX = 16
"""So many of them are kept if they have parameters: the next rows may come by the same text."""
LONG_TEXT_CHARACTERS_MAX = 1 << 16

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


def _one(_key: object) -> int:
    return 1


class LeastRecentlyUsed(Generic[Key, Item]):
    """A dictionary that forgets what was not asked for lately, when its keys weigh too much together."""

    def __init__(self, weight_max: int, weigh: Callable[[Key], int] = _one) -> None:
        self._weight_max = weight_max
        self._weigh = weigh
        self._weight = 0
        self._items: OrderedDict[Key, Item] = OrderedDict()
        self._changing = Lock()

    def get(self, key: Key) -> Item | None:
        """The item, which becomes the most recent; None for none."""
        item = self._items.get(key)
        if item is not None:
            with suppress(KeyError):  # a thread that plans has just made room
                self._items.move_to_end(key)
        return item

    def put(self, key: Key, item: Item) -> None:
        """Keep an item; those not used for longest may go."""
        with self._changing:
            if key not in self._items:
                self._weight += self._weigh(key)
            self._items[key] = item
            while self._weight > self._weight_max and len(self._items) > 1:
                self._weight -= self._weigh(self._items.popitem(last=False)[0])

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._items.clear()
            self._weight = 0

    def __len__(self) -> int:
        return len(self._items)


PlanKey = tuple[str, int, int, int, tuple[int, ...], int, tuple[int, ...], Hashable]


@dataclass(slots=True)
class LiteralPlans:
    """The plans of a text without its literals, each for literals that are about as selective.

    judged, of the first plan made, tells which one; None: there is none yet. So many refused say that there will be
    none.
    """

    judged: Judged | None = None
    by_grades: dict[Grades, PlannedStatement] = field(default_factory=dict)
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A skeleton's plan; and its lane (see server.session.lane), where one serves all sessions."""

    planned: PlannedStatement
    lane: Any = None


class PlanCache:
    """Statements by their text, plans by all they depend on."""

    def __init__(self) -> None:
        self._texts: LeastRecentlyUsed[str, tuple[Statement, ...]] = LeastRecentlyUsed(
            TEXTS_CHARACTERS_MAX, _text_weight
        )
        self._plans: LeastRecentlyUsed[PlanKey, PlannedStatement] = LeastRecentlyUsed(
            PLANS_CHARACTERS_MAX, _plan_weight
        )
        self._long_texts: LeastRecentlyUsed[str, tuple[Statement, ...]] = LeastRecentlyUsed(
            LONG_TEXTS_MAX
        )
        self._long_plans: LeastRecentlyUsed[PlanKey, PlannedStatement] = LeastRecentlyUsed(
            LONG_TEXTS_MAX
        )
        self._system_plans: LeastRecentlyUsed[PlanKey, SystemPlan] = LeastRecentlyUsed(
            PLANS_CHARACTERS_MAX, _plan_weight
        )
        self._skeletons: LeastRecentlyUsed[tuple[str, str], bool] = LeastRecentlyUsed(SKELETONS_MAX)
        self._points: LeastRecentlyUsed[PlanKey, Point] = LeastRecentlyUsed(
            PLANS_CHARACTERS_MAX, _plan_weight
        )
        self._literal_plans: LeastRecentlyUsed[PlanKey, LiteralPlans] = LeastRecentlyUsed(
            PLANS_CHARACTERS_MAX, _plan_weight
        )
        self._programs: WeakKeyDictionary[PlannedStatement, Program] = WeakKeyDictionary()
        self._over_rows: WeakKeyDictionary[PlannedStatement, PlannedStatement | None] = (
            WeakKeyDictionary()
        )

    def statements(self, sql: str) -> tuple[Statement, ...]:
        """The statements of a text; raises SqlError."""
        texts = self._texts if len(sql) <= TEXT_CHARACTERS_MAX else self._long_texts
        found = texts.get(sql)
        if found is None:
            found = tuple(parse_statements(sql))
            if texts is self._texts or _comes_again(sql, found[0].parameter_count if found else 0):
                texts.put(sql, found)
        return found

    def has_statements(self, sql: str) -> bool:
        """Whether the statements of a text need not be parsed."""
        texts = self._texts if len(sql) <= TEXT_CHARACTERS_MAX else self._long_texts
        return texts.get(sql) is not None

    def plan(self, key: PlanKey) -> PlannedStatement | None:
        """The plan kept under a key."""
        plans = self._plans if len(key[0]) <= TEXT_CHARACTERS_MAX else self._long_plans
        return plans.get(key)

    def keep(self, key: PlanKey, planned: PlannedStatement) -> None:
        """Keep a plan for others."""
        if planned.catalog_version < 0 or planned.depends_on_moment:
            return
        if len(key[0]) <= TEXT_CHARACTERS_MAX:
            self._plans.put(key, planned)
        elif _comes_again(key[0], len(planned.parameters)):
            self._long_plans.put(key, planned)

    @property
    def has_system_plans(self) -> bool:
        """Whether there is any plan over system relations alone."""
        return len(self._system_plans) > 0

    def system_plan(self, key: PlanKey) -> SystemPlan | None:
        """A plan over system relations alone, under a key without a version."""
        return self._system_plans.get(key)

    def keep_system(self, key: PlanKey, made: SystemPlan) -> None:
        """Keep a plan over system relations alone; see server.session.system_plans."""
        if len(key[0]) <= TEXT_CHARACTERS_MAX or _comes_again(key[0], len(made.planned.parameters)):
            self._system_plans.put(key, made)

    def saw(self, skeleton: tuple[str, str]) -> bool:
        """Whether a skeleton was asked about before, by any session."""
        known = self._skeletons.get(skeleton) is not None
        if not known:
            self._skeletons.put(skeleton, True)
        return known

    def point(self, key: PlanKey) -> Point | None:
        """What some session has found to answer a skeleton as its texts do."""
        return self._points.get(key)

    def keep_point(self, key: PlanKey, point: Point) -> None:
        """Let other sessions use a skeleton's plan at once."""
        planned = point.planned
        if planned.catalog_version >= 0 and not planned.depends_on_moment:
            self._points.put(key, point)

    def literal_plans(self, key: PlanKey) -> LiteralPlans | None:
        """The plans of a text without its literals."""
        return self._literal_plans.get(key)

    def keep_literal_plans(self, key: PlanKey) -> LiteralPlans:
        """Begin to keep plans of such a text."""
        made = LiteralPlans()
        self._literal_plans.put(key, made)
        return made

    def program(self, planned: PlannedStatement) -> Program:
        """The operators of a plan, made once and there as long as the plan is."""
        found = self._programs.get(planned)
        if found is None:
            found = self._programs[planned] = prepare(planned)
        return found

    def has_program(self, planned: PlannedStatement) -> bool:
        """Whether the operators of a plan are there."""
        return planned in self._programs

    def over_rows(self, planned: PlannedStatement) -> PlannedStatement | None:
        """The form of a plan that takes many rows of parameters, kept as long as the plan is."""
        if planned not in self._over_rows:
            self._over_rows[planned] = over_given_rows(planned)
        return self._over_rows[planned]

    def clear(self) -> None:
        """Forget everything: DISCARD PLANS."""
        self._plans.clear()
        self._long_plans.clear()
        self._over_rows.clear()
        self._system_plans.clear()
        self._points.clear()
        self._literal_plans.clear()
        self._programs.clear()


def _text_weight(text: str) -> int:
    return len(text) + _CHARACTERS_MORE


def _plan_weight(key: PlanKey) -> int:
    return _text_weight(key[0])


def _comes_again(text: str, parameter_count: int) -> bool:
    """Whether a long text is one to keep."""
    return bool(parameter_count) and len(text) <= LONG_TEXT_CHARACTERS_MAX
