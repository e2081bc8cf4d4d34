"""Names of catalog objects as SQL text.

Qualified where the search path does not lead to the object, and read back.

CatalogNames answers what the reg* types, format_type and the pg_get_* functions ask; see
server.types.type.ObjectNames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from server.catalog.collations import collation_text, find_collation, shortest_collation
from server.catalog.objects import CatalogObject, Index, Oid, Role, Schema, Table
from server.catalog.objects import Sequence as SequenceObject
from server.catalog.operator_names import NamedOperator, operator_of, operators_in
from server.catalog.qualified import qualified
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.views.physical import fact_of, named_facts
from server.catalog.visibility import (
    DEEPEST,
    Path,
    find_relation,
    find_type,
    relation_text,
    routine_identity,
    routine_is_visible,
    routines_named,
    schema_along,
    type_object,
    type_text,
)
from server.catalog.written_names import split_identifiers
from server.errors import (
    BY_SQLSTATE,
    AmbiguousFunction,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidName,
    InvalidSchemaName,
    SqlError,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    UndefinedTable,
)
from server.identifiers import quote_identifier
from server.types.names import parse_type

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.types.type import Type


TEXT_SEARCH_KINDS: Final[Mapping[str, type[CatalogObject]]] = {
    "configuration": TextSearchConfiguration,
    "dictionary": TextSearchDictionary,
    "parser": TextSearchParser,
    "template": TextSearchTemplate,
}


class CatalogNames:
    """The names of a view along a search path."""

    def __init__(
        self,
        view: CatalogView,
        path: Path,
        database: str = "",
        may_look_into: Callable[[Schema], bool] | None = None,
    ) -> None:
        """may_look_into: whether the user may find objects in a schema that a text names; None for all."""
        self.view = view
        self.path = path
        self.database = database
        self._may_look_into = may_look_into
        self._routine_names: dict[Oid, str | None] = {}
        self._visible_routines: dict[Oid, bool | None] = {}

    def name_of(self, type_name: str, oid: Oid) -> str | None:
        """Write the object as `type_name` does; None where there is none."""
        return WRITERS[type_name](self, oid)

    def oid_of(self, type_name: str, text: str) -> Oid:
        """Find the object that the text names; raises PostgreSQL's error where there is none."""
        return READERS[type_name](self, text)

    def shortest(self, kind: str, schema: str, name: str) -> tuple[str, ...]:
        """The parts of the name of a type or relation, without a schema that need not be said."""
        home = self.view.schema_named(schema)
        find = self.view.type_named if kind == "type" else self.view.relation_named
        meant = find(home.oid, name) if home is not None else None
        for oid in self.path:
            found = find(oid, name)
            if found is not None:
                return (name,) if meant is not None and found.oid == meant.oid else (schema, name)
        return (schema, name)

    def collation_parts(self, schema: str, name: str) -> tuple[str, ...]:
        """The parts of the name of a collation, without a schema that need not be said."""
        return shortest_collation(self.view, self.path, schema, name)

    def operator_home(self, oid: Oid) -> tuple[str, ...]:
        """The schema of a users' operator, if it must be said: others hide it for the same operands only."""
        operator: Any = self.view.object(oid)
        home = None if operator is None else self.view.object(operator.schema)
        return () if home is None or home.oid in self.path else (home.name,)

    def type_parts(self, oid: Oid) -> tuple[str, ...] | None:
        """The parts of the name of a users' type, without a schema that need not be said; None for no type."""
        value = type_object(self.view, oid)
        if value is None:
            return None
        home = self.view.object(value.schema)
        return (value.name,) if home is None else self.shortest("type", home.name, value.name)

    def routine_parts(self, oid: Oid) -> tuple[str, ...] | None:
        """The parts of the name of a function, without a schema that need not be said; None for no function."""
        identity = routine_identity(self.view, oid)
        if identity is None:
            return None
        name, schema, _ = identity
        if self.routine_is_visible(oid):
            return (name,)
        home = self.view.object(schema)
        return (name,) if home is None else (home.name, name)

    # Writers

    def relation_name(self, oid: Oid) -> str | None:
        """A relation."""
        value = self.view.object(oid)
        if isinstance(value, Table | Index | SequenceObject):
            return relation_text(self.view, self.path, value)
        row = fact_of("pg_class", oid)
        return None if row is None else self._builtin(row["relnamespace"], row["relname"])

    def _builtin(self, schema: Oid, name: str) -> str:
        if schema in self.path:
            return quote_identifier(name)
        return qualified(self.view, schema, name)

    def type_name(self, oid: Oid) -> str | None:
        """A type."""
        text = type_text(self.view, self.path, oid)
        return None if text == "???" else text

    def routine_name(self, oid: Oid) -> str | None:
        """A function by name alone, qualified unless it is the only one found by it."""
        known = self._routine_names
        if oid not in known:
            known[oid] = self._routine_name(oid)
        return known[oid]

    def routine_is_visible(self, oid: Oid) -> bool | None:
        """Whether the name and argument types alone find a function; None for none."""
        if oid not in self._visible_routines:
            self._visible_routines[oid] = routine_is_visible(self.view, self.path, oid)
        return self._visible_routines[oid]

    def _routine_name(self, oid: Oid) -> str | None:
        identity = routine_identity(self.view, oid)
        if identity is None:
            return None
        name, schema, _ = identity
        same = [item for item in routines_named(self.view, name) if item[1] in self.path]
        if [item[0] for item in same] == [oid]:
            return quote_identifier(name)
        return qualified(self.view, schema, name)

    def procedure_name(self, oid: Oid) -> str | None:
        """A function with its argument types."""
        identity = routine_identity(self.view, oid)
        if identity is None:
            return None
        name, schema, arguments = identity
        is_visible = self.routine_is_visible(oid)
        shown = quote_identifier(name) if is_visible else qualified(self.view, schema, name)
        types = ",".join(type_text(self.view, self.path, item) for item in arguments)
        return f"{shown}({types})"

    def operator_name(self, oid: Oid) -> str | None:
        """An operator by name alone."""
        found = operator_of(self.view, oid)
        if found is None:
            return None
        same = list(operators_in(self.view, found.name, self.path))
        return found.name if [each.oid for each in same] == [oid] else self._homed(found)

    def operator_signature(self, oid: Oid) -> str | None:
        """An operator with its operand types."""
        found = operator_of(self.view, oid)
        if found is None:
            return None
        same = operators_in(self.view, found.name, self.path)
        meant = next((each.oid for each in same if each.operands == found.operands), 0)
        left, right = (
            type_text(self.view, self.path, each) if each else "NONE" for each in found.operands
        )
        return f"{found.name if meant == oid else self._homed(found)}({left},{right})"

    def _homed(self, found: NamedOperator) -> str:
        """The operator with its schema; its own name is never quoted."""
        home = self.view.object(found.schema)
        return f"{quote_identifier(home.name) if home else '???'}.{found.name}"

    def plain_name(self, kind: type[CatalogObject]) -> Callable[[Oid], str | None]:
        """The writer of objects without a schema."""

        def write(oid: Oid) -> str | None:
            value = self.view.object(oid)
            return quote_identifier(value.name) if isinstance(value, kind) else None

        return write

    # Readers

    def relation_oid(self, text: str) -> Oid:
        """A relation."""
        parts = self._within(split_identifiers(text), "improper relation name", '"')
        found = find_relation(self.view, self.path, parts)
        if found is None:
            row = self._builtin_index(parts)
            if row is not None:
                return row
            raise UndefinedTable(f'relation "{".".join(parts)}" does not exist')
        oid: Oid = found.oid
        return oid

    def _builtin_index(self, parts: Sequence[str]) -> Oid | None:
        for row in named_facts("pg_class"):
            if row["relname"] == parts[-1]:
                home = self.view.object(row["relnamespace"])
                if (len(parts) == 1 and row["relnamespace"] in self.path) or (
                    home is not None and [home.name] == list(parts[:-1])
                ):
                    oid: Oid = row["oid"]
                    return oid
        return None

    def type_oid(self, text: str) -> Oid:
        """A type."""

        def find(parts: Sequence[str]) -> Type | None:
            return find_type(self.view, self.path, self._within(parts, "improper qualified name"))

        return parse_type(text, find, self.view.type).oid

    def _within(self, parts: Sequence[str], improper: str, quote: str = "") -> Sequence[str]:
        """A name without its database, which must be ours."""
        shown = ".".join(parts)
        if len(parts) > DEEPEST:
            raise SqlSyntaxError(f"{improper} (too many dotted names): {shown}")
        if len(parts) == DEEPEST and parts[0] != self.database:
            raise FeatureNotSupported(
                f"cross-database references are not implemented: {quote}{shown}{quote}"
            )
        if len(parts) > 1:
            self._homes(parts[:-1])
        return parts[1:] if len(parts) == DEEPEST else parts

    def routine_oid(self, text: str) -> Oid:
        """A function by name alone."""
        found = self._routines(split_identifiers(text))
        if not found:
            raise UndefinedFunction(f'function "{text}" does not exist')
        if len(found) > 1:
            raise AmbiguousFunction(f'more than one function named "{text}"')
        return found[0][0]

    def _routines(self, parts: Sequence[str]) -> list[tuple[Oid, tuple[Oid, ...]]]:
        """Functions of a name, those of the first schema of the path first."""
        parts = self._within(parts, "improper qualified name")
        homes = self._homes(parts[:-1]) if len(parts) > 1 else self.path
        everything = routines_named(self.view, parts[-1])
        found: dict[tuple[Oid, ...], Oid] = {}
        for schema in homes:
            for oid, where, types in everything:
                if where == schema:
                    found.setdefault(types, oid)
        return [(oid, types) for types, oid in found.items()]

    def procedure_oid(self, text: str) -> Oid:
        """A function with its argument types."""
        name, inner = _called(text)
        parts = split_identifiers(name)
        wanted = tuple(self.type_oid(part) for part in _arguments(inner))
        for oid, types in self._routines(parts):
            if types == wanted:
                return oid
        raise UndefinedFunction(f'function "{text}" does not exist')

    def operator_oid(self, text: str) -> Oid:
        """An operator by name alone."""
        *home, name = split_identifiers(text)
        homes = self._homes(home) if home else self.path
        found = list(operators_in(self.view, name, homes))
        if not found:
            raise UndefinedFunction(f"operator does not exist: {text}")
        if len(found) > 1:
            raise AmbiguousFunction(f"more than one operator named {text}")
        return found[0].oid

    def operator_signature_oid(self, text: str) -> Oid:
        """An operator with its operand types."""
        name, inner = _called(text)
        *home, plain = split_identifiers(name)
        words = _arguments(inner)
        operands = tuple(0 if w.strip().upper() == "NONE" else self.type_oid(w) for w in words)
        if len(words) == 1:
            raise BY_SQLSTATE["42P02"](
                "missing argument",
                hint="Use NONE to denote the missing argument of a unary operator.",
            )
        if len(words) != 2:
            raise BY_SQLSTATE["54023"](
                "too many arguments", hint="Provide two argument types for operator."
            )
        homes = self.path
        if home:
            homes = self._homes(home) if self.view.schema_named(home[-1]) is not None else ()
        for each in operators_in(self.view, plain, homes):
            if each.operands == operands:
                return each.oid
        raise UndefinedFunction(f"operator does not exist: {text}")

    def _homes(self, parts: Sequence[str]) -> Path:
        """The schema that a name in front of another one says; 3F000 for none, 42501 where nobody lets us look."""
        home = schema_along(self.view, self.path, parts[-1])
        if home is None:
            raise InvalidSchemaName(f'schema "{parts[-1]}" does not exist')
        if self._may_look_into is not None and not self._may_look_into(home):
            raise InsufficientPrivilege(f"permission denied for schema {home.name}")
        return (home.oid,)

    def schema_oid(self, text: str) -> Oid:
        """A schema."""
        (name,) = _single(text)
        found = self.view.schema_named(name)
        if found is None:
            raise InvalidSchemaName(f'schema "{name}" does not exist')
        return found.oid

    def role_oid(self, text: str) -> Oid:
        """A role."""
        (name,) = _single(text)
        found = self.view.role_named(name)
        if found is None:
            raise UndefinedObject(f'role "{name}" does not exist')
        return found.oid

    def text_search_oid(self, kind: str, text: str) -> Oid:
        """A text search configuration, dictionary, parser or template."""
        parts = self._within(split_identifiers(text), "improper qualified name")
        for home in self._homes(parts[:-1]) if len(parts) > 1 else self.path:
            found = self.view.text_search_named(kind, home, parts[-1])
            if found is not None:
                return found.oid
        raise UndefinedObject(f'text search {kind} "{".".join(parts)}" does not exist')

    def text_search_name(self, kind: str, oid: Oid) -> str | None:
        """An object of text search, with its schema where the name alone leads elsewhere."""
        value: Any = self.view.object(oid)
        if value is None or not isinstance(value, TEXT_SEARCH_KINDS[kind]):
            return None
        for home in self.path:
            found = self.view.text_search_named(kind, home, value.name)
            if found is not None:
                if found.oid == oid:
                    return quote_identifier(value.name)
                break
        return qualified(self.view, getattr(value, "schema", 0), value.name)

    def collation_name(self, oid: Oid) -> str | None:
        """A collation, with its schema where the name alone leads elsewhere."""
        shown = collation_text(self.view, oid, self.path)
        return None if shown == str(oid) else shown

    def collation_oid(self, text: str) -> Oid:
        """A collation by name."""
        parts = split_identifiers(text)
        if len(parts) > 1:
            self._homes(parts[:-1])
        return find_collation(self.view, self.path, parts)


def _called(text: str) -> tuple[str, str]:
    """The name in front of parentheses, and what stands in them."""
    name, bracket, rest = text.partition("(")
    if not bracket:
        raise BY_SQLSTATE["22P02"]("expected a left parenthesis")
    inner = rest.rstrip()
    if not inner.endswith(")"):
        raise BY_SQLSTATE["22P02"]("expected a right parenthesis")
    return name, inner[:-1]


def _single(text: str) -> list[str]:
    parts = split_identifiers(text)
    if len(parts) != 1:
        raise InvalidName("invalid name syntax")
    return parts


def _arguments(text: str) -> list[str]:
    """The types of a list, whose modifiers may have commas of their own."""
    if not text.strip():
        return []
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


Writer = Callable[[CatalogNames, Oid], "str | None"]
Reader = Callable[[CatalogNames, str], Oid]

WRITERS: Final[Mapping[str, Writer]] = {
    "regclass": CatalogNames.relation_name,
    "regtype": CatalogNames.type_name,
    "regproc": CatalogNames.routine_name,
    "regprocedure": CatalogNames.procedure_name,
    "regoper": CatalogNames.operator_name,
    "regoperator": CatalogNames.operator_signature,
    "regnamespace": lambda names, oid: names.plain_name(Schema)(oid),
    "regrole": lambda names, oid: names.plain_name(Role)(oid),
    "regcollation": CatalogNames.collation_name,
    "regconfig": lambda names, oid: names.text_search_name("configuration", oid),
    "regdictionary": lambda names, oid: names.text_search_name("dictionary", oid),
}
READERS: Final[Mapping[str, Reader]] = {
    "regclass": CatalogNames.relation_oid,
    "regtype": CatalogNames.type_oid,
    "regproc": CatalogNames.routine_oid,
    "regprocedure": CatalogNames.procedure_oid,
    "regoper": CatalogNames.operator_oid,
    "regoperator": CatalogNames.operator_signature_oid,
    "regnamespace": CatalogNames.schema_oid,
    "regrole": CatalogNames.role_oid,
    "regcollation": CatalogNames.collation_oid,
    "regconfig": lambda names, text: names.text_search_oid("configuration", text),
    "regdictionary": lambda names, text: names.text_search_oid("dictionary", text),
}

NOT_FOUND: Final[frozenset[str]] = frozenset({"42P01", "42704", "42883", "3F000", "42725"})
"""What to_regclass and its kin answer with NULL."""


def found_or_none(names: CatalogNames, type_name: str, text: str) -> Oid | None:
    """The object that the text names, None where there is none."""
    try:
        return names.oid_of(type_name, text)
    except SqlError as error:
        if error.sqlstate in NOT_FOUND:
            return None
        raise
