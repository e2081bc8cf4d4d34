"""What depends on what: who goes along with a dropped object, and who stands in its way.

An automatic dependent (an index of its table) always goes along. A normal one (a view of a table) goes along with
CASCADE only, and is named in the error otherwise. The manual's section "Dependency Tracking".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.catalog.objects import (
    CatalogObject,
    Constraint,
)
from server.errors import DependentObjectsStillExist
from server.statements.dependency_finders import dependents
from server.statements.described import describe

if TYPE_CHECKING:
    from server.statements.dependents import (
        Dependent,
    )
    from server.statements.statement import StatementContext


@dataclass(frozen=True, slots=True)
class Doomed:
    """Everything that a DROP removes, dependents first, and the column defaults that go."""

    objects: tuple[CatalogObject, ...]
    defaults: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is dropped without being an object, as a column, with what depends on it.

    default_of: the column whose default goes along, by table and number.
    """

    description: str
    dependents: tuple[Dependent, ...]
    default_of: tuple[int, int] | None = None


def collect(
    context: StatementContext,
    targets: list[CatalogObject],
    *,
    cascade: bool,
    part: Part | None = None,
) -> Doomed:
    """What goes when the targets, or a part, are dropped; raises DependentObjectsStillExist without CASCADE."""
    found = _Collection(context, targets, part)
    # Who goes with its owner is not worth a word, even when it was first met on another way.
    noted = [item for item in found.noted if item[0] not in found.automatic]
    if noted and not cascade:
        obstacles = [f"{what} depends on {on}" for _, what, on in noted]
        raise _obstacle_error(_obstructed(context, targets, part), obstacles)
    cascaded = [what for _, what, _ in noted]
    if len(cascaded) == 1:
        context.notice("00000", f"drop cascades to {cascaded[0]}")
    elif cascaded:
        detail = "\n".join(f"drop cascades to {what}" for what in cascaded)
        context.notice("00000", f"drop cascades to {len(cascaded)} other objects", detail)
    return Doomed(tuple(reversed(found.order.values())), tuple(found.defaults))


class _Collection:
    """What goes, in the order it was met, and what of it is worth a word.

    noted: OID, description and what it depends on. automatic: the OIDs of those that go with their owners.
    """

    def __init__(
        self, context: StatementContext, targets: list[CatalogObject], part: Part | None
    ) -> None:
        self.order: dict[int, CatalogObject] = {}
        self.defaults: dict[tuple[int, int], None] = {}
        self.noted: list[tuple[int, str, str]] = []
        self.automatic: set[int] = set()
        self._context = context
        self._named = {value.oid for value in targets}
        self._part = part
        for target in targets:
            self._visit(target)
        for dependent in part.dependents if part is not None else ():
            self._follow(None, dependent)

    def _visit(self, value: CatalogObject) -> None:
        if value.oid in self.order:
            return
        self.order[value.oid] = value
        for dependent in dependents(self._context, value):
            self._follow(value, dependent)

    def _follow(self, value: CatalogObject | None, dependent: Dependent) -> None:
        if dependent.automatic and dependent.object is not None:
            self.automatic.add(dependent.object.oid)
        elif not dependent.automatic and not self._goes_anyway(dependent):
            self._note(value, dependent)
        if dependent.object is not None:
            self._visit(dependent.object)
        elif dependent.default_of is not None:
            self.defaults[dependent.default_of] = None

    def _goes_anyway(self, dependent: Dependent) -> bool:
        found, default_of = dependent.object, dependent.default_of
        if found is not None:
            is_of_named = isinstance(found, Constraint) and found.table in self._named
            return is_of_named or found.oid in self._named or found.oid in self.order
        if default_of is None:
            return False
        if default_of in self.defaults:
            return True
        is_of_part = self._part is not None and self._part.default_of == default_of
        return is_of_part or default_of[0] in self._named or default_of[0] in self.order

    def _note(self, value: CatalogObject | None, dependent: Dependent) -> None:
        found = dependent.object
        what = dependent.description if found is None else describe(self._context, found)
        on = dependent.on
        if not on and value is not None:
            on = describe(self._context, value)
        elif not on:
            assert self._part is not None
            on = self._part.description
        self.noted.append((0 if found is None else found.oid, what, on))


def _obstructed(
    context: StatementContext, targets: list[CatalogObject], part: Part | None
) -> str | None:
    """The one thing that cannot be dropped, or None for several."""
    if part is not None:
        return part.description
    return describe(context, targets[0]) if len(targets) == 1 else None


def _obstacle_error(what: str | None, obstacles: list[str]) -> DependentObjectsStillExist:
    return DependentObjectsStillExist(
        f"cannot drop {what} because other objects depend on it"
        if what is not None
        else "cannot drop desired object(s) because other objects depend on them",
        detail="\n".join(obstacles),
        hint="Use DROP ... CASCADE to drop the dependent objects too.",
    )
