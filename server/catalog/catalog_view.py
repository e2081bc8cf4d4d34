"""The catalog as one snapshot sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from server.catalog.builtin import BUILTIN, Builtin
from server.catalog.objects import (
    PG_CATALOG_OID,
    CatalogObject,
    Constraint,
    Database,
    DefaultPrivileges,
    Index,
    Oid,
    Policy,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.publication_objects import Publication
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.state import (
    PUBLICATIONS,
    SPACES,
    CatalogState,
    Relation,
)
from server.catalog.statistics_objects import ExtendedStatistics, Statistics
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.user_functions import make_callable
from server.catalog.user_types import constructors, make_type
from server.functions.function import Aggregate, Cast, Function, Operator, WindowFunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.types.type import Type


RANGE_TO_MULTIRANGE = 4298
NAME_BYTES = 63


RowKey = tuple[Oid, Oid]
"""Database (0: shared by all) and OID: the schema public has the same OID in all databases."""


Callable_ = Function | Aggregate | WindowFunction


ObjectKind = TypeVar("ObjectKind", bound=CatalogObject)


KindOf = type[ObjectKind]


class CatalogView:
    """What a statement sees: the objects of a state and the built-in ones.

    Immutable; compared by version.
    """

    __slots__ = (
        "_builtin",
        "_callables",
        "_types",
        "partition_maps",
        "state",
        "system_rows",
        "text_search",
        "unsafe_labels",
        "version",
    )

    def __init__(
        self,
        state: CatalogState,
        builtin: Builtin = BUILTIN,
        unsafe_labels: frozenset[Oid] = frozenset(),
    ) -> None:
        self.state = state
        self.unsafe_labels = unsafe_labels  # of enums: the transaction has just added them
        self.version = state.version
        self._builtin = builtin
        self._types: dict[Oid, Type] = {}
        self._callables: dict[Oid, Callable_] = {}
        self.system_rows: dict[str, Any] = {}  # rows of system relations, kept by system_views
        self.partition_maps: dict[Oid, Any] = {}  # kept by partition_bounds
        self.text_search: dict[Oid, Any] = {}  # configurations in use, kept by text_search

    def object(self, oid: Oid) -> CatalogObject | None:
        """Any object by OID."""
        made, built_in = self.state, self._builtin.state
        return (
            made.by_oid.get(oid)
            or built_in.by_oid.get(oid)
            or made.shown.get(oid)
            or built_in.shown.get(oid)
        )

    def _named(self, space: str, schema: Oid, name: str) -> CatalogObject | None:
        key = (space, schema, name)
        for state in (self.state, self._builtin.state):
            oid = state.by_name.get(key)
            if oid is not None:
                return state.object(oid)
        return None

    def object_named(
        self, kind: KindOf[ObjectKind], name: str, schema: Oid = 0
    ) -> ObjectKind | None:
        """An object of a kind that is found by name."""
        found = self._named(SPACES[kind], schema, name)
        return found if isinstance(found, kind) else None

    def schema_named(self, name: str) -> Schema | None:
        """A schema by name."""
        return self.object_named(Schema, name)

    def relation_named(self, schema: Oid, name: str) -> Relation | None:
        """A table, view, index or sequence: they share one name space."""
        found = self._named("relation", schema, name)
        return found if isinstance(found, Table | Index | Sequence) else None

    def role_named(self, name: str) -> Role | None:
        """A role by name."""
        return self.object_named(Role, name)

    def database_named(self, name: str) -> Database | None:
        """A database by name."""
        return self.object_named(Database, name)

    def text_search_named(self, kind: str, schema: Oid, name: str) -> CatalogObject | None:
        """A text search configuration, dictionary, parser or template by name."""
        return self._named(f"text search {kind}", schema, name)

    def default_privileges(self, schema: Oid, name: str) -> DefaultPrivileges | None:
        """What new objects get, by what `default_privileges_name` makes of their owner and kind."""
        return self.object_named(DefaultPrivileges, name, schema)

    def statistics_named(self, schema: Oid, name: str) -> ExtendedStatistics | None:
        """A statistics object by name."""
        return self.object_named(ExtendedStatistics, name, schema)

    def type_named(self, schema: Oid, name: str) -> Type | None:
        """A type by its catalog name.

        Built-in in pg_catalog, users' types, row types of tables, arrays (_name).
        """
        found = self._builtin.type_named(schema, name)
        if found is not None:
            return found
        user = self._named("type", schema, name)
        if isinstance(user, UserType):
            return self.type(user.oid)
        table = self._named("relation", schema, name)
        if isinstance(table, Table) and table.row_type:
            return self.type(table.row_type)
        oid = self._array_named(schema, name)
        return self.type(oid) if oid else None

    def array_name(self, schema: Oid, name: str) -> str:
        """What the array type of a type is called: an underscore more for each that is called so already."""
        made = name
        while True:
            made = f"_{made}".encode()[:NAME_BYTES].decode(errors="ignore")
            if self.is_type_name(schema, made):
                continue
            others = (made[place:] for place in range(1, len(made) - len(made.lstrip("_")) + 1))
            if not any(
                len(other) < len(name)
                and self._array_oid(schema, other)
                and self.array_name(schema, other) == made
                for other in others
            ):
                return made

    def _array_named(self, schema: Oid, name: str) -> Oid:
        """The array type of that name; 0 for none."""
        for place in range(1, len(name) - len(name.lstrip("_")) + 1):
            oid = self._array_oid(schema, name[place:])
            if oid and self.array_name(schema, name[place:]) == name:
                return oid
        return 0

    def _array_oid(self, schema: Oid, name: str) -> Oid:
        """The array type of a type of users or of a table's rows; 0 for none."""
        element = self._named("type", schema, name)
        if isinstance(element, UserType) and element.array_oid:
            return element.array_oid
        owner = self._named("relation", schema, name)
        return owner.array_type if isinstance(owner, Table) else 0

    def type(self, oid: Oid) -> Type:
        """A type by OID; KeyError for none."""
        found = self._builtin.types.get(oid) or self._types.get(oid)
        if found is None:
            found = self._types[oid] = make_type(self, oid)
        return found

    def is_type_name(self, schema: Oid, name: str) -> bool:
        """Whether a type, or a table with its row type, has the name itself."""
        table = self._named("relation", schema, name)
        return self._named("type", schema, name) is not None or (
            isinstance(table, Table) and bool(table.row_type)
        )

    def table_of_row_type(self, oid: Oid) -> Table | None:
        """The table that a row type belongs to."""
        found = self.object(self.state.derived.get(oid) or self._builtin.state.derived.get(oid, 0))
        return found if isinstance(found, Table) and found.row_type == oid else None

    def element_of_array(self, oid: Oid) -> Oid | None:
        """The user type, or the row type of a table, that an array type is of."""
        found = self.object(self.state.derived.get(oid) or self._builtin.state.derived.get(oid, 0))
        if isinstance(found, Table) and found.array_type == oid:
            return found.row_type
        return found.oid if isinstance(found, UserType) else None

    def functions_named(self, name: str, schema: Oid | None = None) -> tuple[Callable_, ...]:
        """All functions, aggregates and window functions of a name, in one schema or in any."""
        built_in = self._builtin.functions_named(name, schema)
        if not self.state.functions.get(name):
            return built_in
        made = self.user_functions_named(name, schema)
        return (*built_in, *map(self._callable, made), *self._of_types(name, schema))

    def _of_types(self, name: str, schema: Oid | None) -> Iterator[Function]:
        """The functions that come with users' range types of a name."""
        for oid in self.state.functions.get(name, ()):
            value = self.state.by_oid[oid]
            if isinstance(value, UserType) and schema in (None, value.schema):
                yield from constructors(self, value)

    def functions_visible(self, name: str, path: Iterable[Oid]) -> tuple[Callable_, ...]:
        """The functions that a name alone may mean: one hides those of its arguments further on.

        A temporary schema is not looked into, or who may make tables in it could have others call his functions.
        """
        if not self.state.functions.get(name):
            return self._builtin.functions_named(name, None)
        found: dict[Any, Callable_] = {}
        for schema in path:
            home = self.object(schema)
            if isinstance(home, Schema) and home.is_temporary:
                continue
            for each in self.functions_named(name, schema):
                found.setdefault((each.arguments, type(each)), each)
        return tuple(found.values())

    def user_functions_named(
        self, name: str, schema: Oid | None = None
    ) -> tuple[UserFunction, ...]:
        """Functions of users."""
        found = (self.state.by_oid[oid] for oid in self.state.functions.get(name, ()))
        return tuple(
            value
            for value in found
            if isinstance(value, UserFunction) and schema in (None, value.schema)
        )

    def _callable(self, value: UserFunction) -> Callable_:
        found = self._callables.get(value.oid)
        if found is None:
            found = self._callables[value.oid] = make_callable(self, value)
        return found

    def routine(self, oid: Oid) -> Callable_ | None:
        """A user's function or aggregate by OID."""
        value = self.state.by_oid.get(oid)
        return self._callable(value) if isinstance(value, UserFunction) else None

    def function(self, oid: Oid) -> Function:
        """A scalar function by OID; KeyError for none."""
        value = self.state.by_oid.get(oid)
        if isinstance(value, UserFunction):
            found = self._callable(value)
            if isinstance(found, Function):
                return found
        return self._builtin.function(oid)

    def operators_named(
        self, name: str, path: tuple[Oid, ...] | None = None
    ) -> tuple[Operator, ...]:
        """Every operator of that name: in the schemas of a path, in its order, or in any, built-in ones first."""
        made = self.user_operators_named(name, path)
        built_in = self._builtin.operators_named(name)
        if path is not None and PG_CATALOG_OID not in path:
            built_in = ()
        if not made:
            return built_in
        place = 0 if path is None else len(path)
        if path is not None and PG_CATALOG_OID in path:
            place = path.index(PG_CATALOG_OID)
        before = [each for each in made if path is not None and path.index(each.schema) < place]
        after = [each for each in made if each not in before]
        return (*map(_operator, before), *built_in, *map(_operator, after))

    def user_operators_named(
        self, name: str, path: tuple[Oid, ...] | None = None
    ) -> list[UserOperator]:
        """Operators of users that have a function, in the order of the path."""
        found = [
            value
            for oid in self.state.operators.get(name, ())
            if isinstance(value := self.state.by_oid[oid], UserOperator) and value.function
        ]
        if path is not None:
            found = [value for value in found if value.schema in path]
            found.sort(key=lambda value: path.index(value.schema))
        return found

    def cast(self, source: Oid, target: Oid) -> Cast | None:
        """The cast between two types, if there is one."""
        oid = self.state.casts.get((source, target))
        made = None if oid is None else self.state.by_oid.get(oid)
        if isinstance(made, UserCast):
            return Cast(
                source=source,
                target=target,
                function=made.function,
                context=made.context,
                method=made.method,
            )
        return self._builtin.cast(source, target) or self._range_cast(source, target)

    def _range_cast(self, source: Oid, target: Oid) -> Cast | None:
        """The cast of a user's range type to its multirange type."""
        value = self.object(source)
        if not isinstance(value, UserType) or not value.partner or value.partner != target:
            return None
        return Cast(source=source, target=target, function=RANGE_TO_MULTIRANGE, context="e")

    def listed(self, table: Oid, kind: KindOf[ObjectKind]) -> tuple[ObjectKind, ...]:
        """The objects of a kind that belong to a table, or to what stands in its place."""
        found = []
        for state in (self.state, self._builtin.state):
            for oid in state.of_table.get(table, ()):
                value = state.object(oid)
                if isinstance(value, kind):
                    found.append(value)
        return tuple(found)

    def indexes_of(self, table: Oid) -> tuple[Index, ...]:
        """The indexes of a table, oldest first."""
        return tuple(sorted(self.listed(table, Index), key=lambda index: index.oid))

    def constraints_of(self, table: Oid) -> tuple[Constraint, ...]:
        """The constraints of a table by name."""
        return tuple(sorted(self.listed(table, Constraint), key=lambda item: item.name))

    def policies_of(self, table: Oid) -> tuple[Policy, ...]:
        """The policies of a table's row level security."""
        return self.listed(table, Policy)

    def triggers_of(self, table: Oid) -> tuple[Trigger, ...]:
        """The triggers of a table by name, which is the order they fire in."""
        return tuple(sorted(self.listed(table, Trigger), key=lambda trigger: trigger.name))

    @property
    def publications(self) -> tuple[Publication, ...]:
        """The publications of the database."""
        return self.listed(PUBLICATIONS, Publication)

    def rules_of(self, table: Oid) -> tuple[Rule, ...]:
        """The rules of a relation by name, which is the order they are applied in."""
        return tuple(sorted(self.listed(table, Rule), key=lambda rule: rule.name))

    def children_of(self, table: Oid) -> tuple[Table, ...]:
        """The tables that inherit from a table, and partitions of it that are not being detached, oldest first."""
        return tuple(child for child in self.all_children_of(table) if not child.detached_xid)

    def all_children_of(self, table: Oid) -> tuple[Table, ...]:
        """`children_of` with the partitions that are being detached."""
        children = [self.state.by_oid[oid] for oid in self.state.children.get(table, ())]
        found = [child for child in children if isinstance(child, Table)]
        return tuple(sorted(found, key=lambda child: child.oid))

    def has_children(self, oid: Oid) -> bool:
        """Whether a table or a partitioned index has parts."""
        return oid in self.state.children

    def child_indexes_of(self, index: Oid) -> tuple[Index, ...]:
        """The indexes of partitions that make up the index of a partitioned table."""
        children = [self.state.by_oid[oid] for oid in self.state.children.get(index, ())]
        return tuple(child for child in children if isinstance(child, Index))

    def family_of(self, table: Table) -> tuple[Table, ...]:
        """The table and all that inherit from it, at any depth, each once."""
        family = {table.oid: table}
        pending = [table]
        while pending:
            for child in self.children_of(pending.pop(0).oid):
                if child.oid not in family:
                    family[child.oid] = child
                    pending.append(child)
        return tuple(family.values())

    def sequences_of(self, table: Oid) -> tuple[Sequence, ...]:
        """The sequences a table owns."""
        return self.listed(table, Sequence)

    def statistics_of(self, table: Oid) -> Statistics | None:
        """What ANALYZE learned of a table."""
        found = self.listed(table, Statistics)
        return found[0] if found else None

    def references_to(self, table: Oid) -> tuple[Constraint, ...]:
        """Foreign keys that point to a table."""
        found = (self.state.by_oid[oid] for oid in self.state.references.get(table, ()))
        return tuple(value for value in found if isinstance(value, Constraint))

    def shown(self) -> Iterator[Table | Index]:
        """The relations that tables bring along."""
        yield from self._builtin.state.shown.values()
        yield from self.state.shown.values()

    def objects(self, kind: KindOf[ObjectKind]) -> Iterator[ObjectKind]:
        """Every object of a kind, built-in ones first; of those that have been changed the stored form."""
        changed = self.state.by_oid
        for value in self._builtin.state.of_kind(kind):
            if value.oid not in changed:
                yield value
        yield from self.state.of_kind(kind)


def _operator(value: UserOperator) -> Operator:
    return Operator(
        oid=value.oid,
        name=value.name,
        left=value.left,
        right=value.right,
        result=value.result,
        function=value.function,
        commutator=value.commutator,
        negator=value.negator,
    )
