"""Builtin.

What every database has without storing it - system relations, types, functions, operators, casts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from server.catalog.bootstrap import SYSTEM_OBJECTS
from server.catalog.functions.registry import SYSTEM_FUNCTIONS
from server.catalog.objects import INFORMATION_SCHEMA_OID, PG_CATALOG_OID, Oid
from server.catalog.state import CatalogState
from server.functions.casts import casts
from server.functions.function import Aggregate, Cast, Function, Operator, WindowFunction
from server.functions.operators import operators
from server.functions.registry import AGGREGATES, FUNCTION_BY_OID, WINDOW_FUNCTIONS
from server.types.registry import TYPE_BY_OID, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.types.type import Type

Named = Function | Aggregate | WindowFunction
Item = TypeVar("Item", Function, Aggregate, WindowFunction, Operator)


def _by_name(items: Sequence[Item]) -> dict[str, tuple[Item, ...]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.name, []).append(item)
    return {name: tuple(group) for name, group in found.items()}


class Builtin:
    """The built-in objects, indexed as the binder asks for them."""

    @cached_property
    def state(self) -> CatalogState:
        """The system's own objects."""
        return CatalogState(SYSTEM_OBJECTS)

    @cached_property
    def types(self) -> Mapping[Oid, Type]:
        """The built-in types."""
        return TYPE_BY_OID

    @cached_property
    def _type_names(self) -> Mapping[str, Type]:
        return {value.name: value for value in TYPES}

    @cached_property
    def _function_oids(self) -> Mapping[Oid, Function]:
        # Functions that read the catalog stand above those that need not, and win where both are
        # there.
        return FUNCTION_BY_OID | {item.oid: item for item in SYSTEM_FUNCTIONS}

    @cached_property
    def _functions(self) -> Mapping[str, tuple[Named, ...]]:
        everything: tuple[Named, ...] = (
            *self._function_oids.values(),
            *AGGREGATES,
            *WINDOW_FUNCTIONS,
        )
        named: dict[str, tuple[Named, ...]] = {}
        for item in everything:
            named[item.name] = (*named.get(item.name, ()), item)
        return named

    @cached_property
    def _operators(self) -> Mapping[str, tuple[Operator, ...]]:
        return _by_name(operators(frozenset(self._function_oids)))

    @cached_property
    def _casts(self) -> Mapping[tuple[Oid, Oid], Cast]:
        return {(item.source, item.target): item for item in casts(frozenset(self._function_oids))}

    def tables(self) -> Iterator[object]:
        """All of what is made when it is first looked at: for who would rather wait beforehand."""
        yield self.state
        yield self.types
        yield self._type_names
        yield self._functions
        yield self._operators
        yield self._casts

    def type_named(self, schema: Oid, name: str) -> Type | None:
        """A built-in type by its catalog name."""
        return self._type_names.get(name) if schema == PG_CATALOG_OID else None

    def functions_named(self, name: str, schema: Oid | None) -> tuple[Named, ...]:
        """The built-in functions of a name."""
        is_of_standard = name.startswith("_pg_")
        home = INFORMATION_SCHEMA_OID if is_of_standard else PG_CATALOG_OID
        return self._functions.get(name, ()) if schema in (None, home) else ()

    def function(self, oid: Oid) -> Function:
        """A scalar function; KeyError for none."""
        return self._function_oids[oid]

    def described(self) -> Iterator[tuple[str, Oid, str]]:
        """The system catalog, OID and description of each function and operator that has one."""
        implemented: dict[Oid, str] = {}
        for group in self._operators.values():
            for operator in group:
                implemented.setdefault(operator.function, operator.name)
        for functions in self._functions.values():
            for function in functions:
                text = function.doc.removesuffix(".")
                if text:
                    name = implemented.get(function.oid)
                    said = f"implementation of {name} operator" if name else text
                    yield "pg_proc", function.oid, said
        for group in self._operators.values():
            for operator in group:
                text = self._function_oids[operator.function].doc.removesuffix(".")
                yield "pg_operator", operator.oid, text or f"{operator.name} operator"

    def operators_named(self, name: str) -> tuple[Operator, ...]:
        """The operators of a name."""
        return self._operators.get(name, ())

    def cast(self, source: Oid, target: Oid) -> Cast | None:
        """The cast between two types."""
        return self._casts.get((source, target))


BUILTIN = Builtin()
"""The one instance. Each of its tables is made when it is first looked at: most sessions' first needs none."""
