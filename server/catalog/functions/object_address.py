"""pg_get_object_address and pg_identify_object_as_address: objects by kind and lists of names, and back.

An address is the OID of the system catalog that lists an object, its OID there and the number of its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import (
    ForeignDataWrapper,
    ForeignServer,
    UserMapping,
    mapping_name,
)
from server.catalog.functions.object_identity import (
    FACTS,
    MISSING,
    builtin_identity,
    class_oid_of,
    identity_of,
    type_identity,
)
from server.catalog.functions.scope import names_of, view_of
from server.catalog.large_objects import LargeObject
from server.catalog.names import TEXT_SEARCH_KINDS
from server.catalog.objects import (
    CatalogObject,
    Constraint,
    Database,
    ExtensionObject,
    Index,
    Policy,
    Role,
    Table,
    UserType,
)
from server.catalog.objects import Sequence as SequenceObject
from server.catalog.publication_objects import Publication, Subscription
from server.catalog.routine_objects import UserFunction
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.trigger_objects import Rule, Trigger
from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.catalog.views.physical import fact_of, named_facts
from server.errors import (
    FeatureNotSupported,
    InvalidCatalogName,
    InvalidParameterValue,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.functions.declare import row
from server.identifiers import quote_identifier
from server.oids import TEXT
from server.types.array import Array, make_array
from server.types.registry import TYPE_BY_OID
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.functions.function import CallContext, Function

    Address = tuple[int, int, int]
    Finder = Callable[[CallContext, str, list[str], list[str]], Address]

PG_CLASS, PG_TYPE, PG_PROC, PG_OPERATOR = 1259, 1247, 1255, 2617
RELATIONS: Final = {
    "table": ("rp", "a table"),
    "view": ("v", "a view"),
    "materialized view": ("m", "a materialized view"),
    "foreign table": ("f", "a foreign table"),
    "composite type": ("c", "a composite type"),
    "index": ("", "an index"),
    "sequence": ("", "a sequence"),
}
COLUMNS: Final = frozenset(("table column", "foreign table column"))
UNSUPPORTED: Final = frozenset(
    (
        *("toast table", "index column", "sequence column", "toast table column", "view column"),
        *("materialized view column", "composite type column"),
    )
)
ALONE: Final[dict[str, type[CatalogObject]]] = {
    "foreign-data wrapper": ForeignDataWrapper,
    "server": ForeignServer,
    "event trigger": EventTrigger,
    "publication": Publication,
}
"""Objects that are found by one name."""

BUILT_IN: Final = {
    "language": ("pg_language", "lanname", 2612),
    "access method": ("pg_am", "amname", 2601),
    "tablespace": ("pg_tablespace", "spcname", 1213),
}
PARTS: Final[dict[str, type[CatalogObject]]] = {
    "table constraint": Constraint,
    "rule": Rule,
    "trigger": Trigger,
    "policy": Policy,
}
"""Objects that are named together with their table."""


def _get(call: CallContext, kind: str, names: Array, arguments: Array) -> Address:
    finder = FINDERS.get(kind)
    if finder is None and kind not in UNSUPPORTED:
        raise InvalidParameterValue(f'unrecognized object type "{kind}"')
    if None in names.items or None in arguments.items:
        raise InvalidParameterValue("name or argument lists may not contain nulls")
    if not names.items:
        raise InvalidParameterValue("name list length must be at least 1")
    if finder is None:
        raise InvalidParameterValue(f'unsupported object type "{kind}"')
    return finder(call, kind, list(names.items), list(arguments.items))


def _one(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise InvalidParameterValue("name list length must be exactly 1")
    return names[0]


def _arguments(arguments: Sequence[str], count: int) -> None:
    if len(arguments) != count:
        raise InvalidParameterValue(f"argument list length must be exactly {count}")


def _quoted(names: Sequence[str]) -> str:
    return ".".join(map(quote_identifier, names))


def _relation_of(call: CallContext, names: Sequence[str]) -> Any:
    return view_of(call).object(names_of(call).oid_of("regclass", _quoted(names)))


def _relation(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    oid = names_of(call).oid_of("regclass", _quoted(names))
    found = view_of(call).object(oid)
    letters, article = RELATIONS[kind]
    wanted = Index if kind == "index" else SequenceObject if kind == "sequence" else Table
    if not isinstance(found, wanted) or (isinstance(found, Table) and found.kind not in letters):
        raise WrongObjectType(f'"{names[-1]}" is not {article}')
    return PG_CLASS, oid, 0


def _column(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    if len(names) < 2:
        raise InvalidParameterValue("column name must be qualified")
    table = _relation_of(call, names[:-1])
    column = table.column_named(names[-1]) if isinstance(table, Table) else None
    if column is None:
        raise UndefinedColumn(
            f'column "{names[-1]}" of relation "{_quoted(names[:-1])}" does not exist'
        )
    return PG_CLASS, table.oid, column.number


def _type(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    return PG_TYPE, names_of(call).oid_of("regtype", _one(names)), 0


def _routine(call: CallContext, _kind: str, names: list[str], arguments: list[str]) -> Address:
    text = f"{_quoted(names)}({','.join(arguments)})"
    return PG_PROC, names_of(call).oid_of("regprocedure", text), 0


def _operator(call: CallContext, _kind: str, names: list[str], arguments: list[str]) -> Address:
    _arguments(arguments, 2)
    prefix = "".join(f"{quote_identifier(name)}." for name in names[:-1])
    text = f"{prefix}{names[-1]}({','.join(arguments)})"
    return PG_OPERATOR, names_of(call).oid_of("regoperator", text), 0


def _cast(call: CallContext, _kind: str, names: list[str], arguments: list[str]) -> Address:
    _one(names)
    _arguments(arguments, 1)
    source, target = (names_of(call).oid_of("regtype", text) for text in (names[0], arguments[0]))
    view = view_of(call)
    oid = view.state.casts.get((source, target))
    for fact in named_facts("pg_cast") if oid is None else ():
        if (fact["castsource"], fact["casttarget"]) == (source, target):
            oid = fact["oid"]
    if oid is None:
        shown = [names_of(call).name_of("regtype", each) for each in (source, target)]
        raise UndefinedObject(f"cast from type {shown[0]} to type {shown[1]} does not exist")
    return 2605, oid, 0


def _part(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    if len(names) < 2:
        raise InvalidParameterValue("must specify relation and object name")
    table = _relation_of(call, names[:-1])
    word = kind.removeprefix("table ")
    for value in view_of(call).objects(PARTS[kind]):
        if value.name == names[-1] and getattr(value, "table", 0) == table.oid:
            return class_oid_of(value), value.oid, 0
    if kind == "rule" and names[-1] == "_RETURN" and getattr(table, "kind", "") in ("v", "m"):
        return 2618, table.oid, 0
    name = table.name if table is not None else names[-2]
    raise UndefinedObject(f'{word} "{names[-1]}" for table "{name}" does not exist')


def _domain_constraint(
    call: CallContext, _kind: str, names: list[str], arguments: list[str]
) -> Address:
    _arguments(arguments, 1)
    oid = names_of(call).oid_of("regtype", _one(names))
    for value in view_of(call).constraints_of(oid):
        if value.name == arguments[0]:
            return class_oid_of(value), value.oid, 0
    shown = names_of(call).name_of("regtype", oid)
    raise UndefinedObject(f'constraint "{arguments[0]}" for domain {shown} does not exist')


def _alone(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    found = view_of(call).object_named(ALONE[kind], _one(names))
    if found is None:
        raise UndefinedObject(f'{kind} "{names[0]}" does not exist')
    return class_oid_of(found), found.oid, 0


def _listed(kind_of: type[CatalogObject]) -> Finder:
    """Kinds that are few, so that they are not found by name."""

    def find(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
        for value in view_of(call).objects(kind_of):
            if value.name == _one(names):
                return class_oid_of(value), value.oid, 0
        raise UndefinedObject(f'{kind} "{_one(names)}" does not exist')

    return find


def _built_in(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    relation, column, class_oid = BUILT_IN[kind]
    for fact in named_facts(relation):
        if fact[column] == _one(names):
            return class_oid, fact["oid"], 0
    raise UndefinedObject(f'{kind} "{_one(names)}" does not exist')


def _schema(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    return 2615, names_of(call).oid_of("regnamespace", quote_identifier(_one(names))), 0


def _role(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    return 1260, names_of(call).oid_of("regrole", quote_identifier(_one(names))), 0


def _database(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    found = view_of(call).object_named(Database, _one(names))
    if found is None:
        raise InvalidCatalogName(f'database "{names[0]}" does not exist')
    return 1262, found.oid, 0


def _large_object(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    number = TYPE_BY_OID[26].parse(_one(names), -1, PLAIN_STYLE)
    if view_of(call).object_named(LargeObject, str(number)) is None:
        raise UndefinedObject(f"large object {number} does not exist")
    return 2613, number, 0


def _user_mapping(call: CallContext, _kind: str, names: list[str], arguments: list[str]) -> Address:
    _arguments(arguments, 1)
    view = view_of(call)
    role = view.role_named(_one(names))
    server = view.object_named(ForeignServer, arguments[0])
    if names[0] != "public" and role is None:
        raise UndefinedObject(
            f'user mapping for user "{names[0]}" on server "{arguments[0]}" does not exist'
        )
    name = "" if server is None else mapping_name(server.oid, 0 if role is None else role.oid)
    found = view.object_named(UserMapping, name)
    if found is None:
        raise UndefinedObject(
            f'user mapping for user "{names[0]}" on server "{arguments[0]}" does not exist'
        )
    return class_oid_of(found), found.oid, 0


def _text_search(call: CallContext, kind: str, names: list[str], _: list[str]) -> Address:
    word = kind.removeprefix("text search ")
    catalog, view = names_of(call), view_of(call)
    homes: Sequence[int] = catalog.path
    if len(names) > 1:
        homes = (catalog.oid_of("regnamespace", quote_identifier(names[-2])),)
    for home in homes:
        found = view.text_search_named(word, home, names[-1])
        if found is not None:
            return class_oid_of(found), found.oid, 0
    raise UndefinedObject(f'{kind} "{".".join(names)}" does not exist')


def _statistics(call: CallContext, _kind: str, names: list[str], _: list[str]) -> Address:
    catalog, view = names_of(call), view_of(call)
    homes: Sequence[int] = catalog.path
    if len(names) > 1:
        homes = (catalog.oid_of("regnamespace", quote_identifier(names[-2])),)
    for home in homes:
        found = view.object_named(ExtendedStatistics, names[-1], home)
        if found is not None:
            return class_oid_of(found), found.oid, 0
    raise UndefinedObject(f'statistics object "{".".join(names)}" does not exist')


def _not_yet(_call: CallContext, kind: str, _names: list[str], _: list[str]) -> Address:
    raise FeatureNotSupported(f"addresses of objects of kind {kind} are not supported")


FINDERS: Final[dict[str, Finder]] = {
    **dict.fromkeys(RELATIONS, _relation),
    **dict.fromkeys(COLUMNS, _column),
    **dict.fromkeys(("type", "domain"), _type),
    **dict.fromkeys(("function", "procedure", "routine", "aggregate"), _routine),
    **dict.fromkeys(PARTS, _part),
    **dict.fromkeys(ALONE, _alone),
    **dict.fromkeys(BUILT_IN, _built_in),
    **{f"text search {word}": _text_search for word in TEXT_SEARCH_KINDS},
    "operator": _operator,
    "cast": _cast,
    "domain constraint": _domain_constraint,
    "schema": _schema,
    "role": _role,
    "database": _database,
    "extension": _listed(ExtensionObject),
    "subscription": _listed(Subscription),
    "large object": _large_object,
    "user mapping": _user_mapping,
    "statistics object": _statistics,
    **dict.fromkeys(
        (
            *("collation", "conversion", "default value", "operator class", "operator family"),
            *("operator of access method", "function of access method", "default acl"),
            *("transform", "publication relation", "publication namespace"),
        ),
        _not_yet,
    ),
}
"""How objects of each kind are found."""

Lists = tuple[list[str], list[str]]


def _as_address(
    call: CallContext, class_oid: int, oid: int, number: int
) -> tuple[str | None, Array | None, Array | None] | None:
    view = view_of(call)
    value = view.object(oid)
    if class_oid == CATALOG_OIDS[CATALOG_OF[LargeObject]]:
        value = view.object_named(LargeObject, str(oid))
    if class_oid in FACTS or value is None:
        return _builtin_address(call, class_oid, oid)
    if class_oid_of(value) != class_oid:
        return (MISSING.get(class_oid), None, None)
    kind, schema, _, _ = identity_of(view, value)
    names, arguments = _lists(call, value, schema)
    if number and isinstance(value, Table):
        if number > len(value.columns):
            return (f"{kind} column", None, None)
        kind = f"{kind} column"
        names.append(value.column(number).name)
    return kind, make_array(TEXT, tuple(names)), make_array(TEXT, tuple(arguments))


def _builtin_address(
    call: CallContext, class_oid: int, oid: int
) -> tuple[str | None, Array | None, Array | None]:
    """The same of an object that is in no storage."""
    names: list[str] = []
    arguments: list[str] = []
    kind: str | None = MISSING.get(class_oid)
    if class_oid in FACTS:
        relation, column, kind = FACTS[class_oid]
        fact = fact_of(relation, oid)
        names = [] if fact is None else [fact[column]]
    found = builtin_identity(view_of(call), class_oid, oid)
    if found is not None:
        kind, schema, _, identity = found
        name, _, given = identity.removesuffix(")").partition("(")
        if class_oid == PG_PROC:
            names = [schema or "", name.partition(".")[2]]
            arguments = given.split(",") if given else []
        elif class_oid == PG_TYPE:
            names = [identity]
        else:
            names, arguments = [given.partition(" AS ")[0]], [given.partition(" AS ")[2]]
    if not names:
        return (kind, None, None)
    return kind, make_array(TEXT, tuple(names)), make_array(TEXT, tuple(arguments))


def _lists(call: CallContext, value: CatalogObject, schema: str | None) -> Lists:
    """The names and the arguments that pg_get_object_address would find an object by."""
    view = view_of(call)
    if isinstance(value, UserMapping):
        server, role = view.object(value.server), view.object(value.role)
        assert isinstance(server, ForeignServer)
        return ["public" if not isinstance(role, Role) else role.name], [server.name]
    if isinstance(value, Constraint | Policy | Rule | Trigger):
        table = view.object(value.table)
        home = view.object(getattr(table, "schema", 0))
        before = [each.name for each in (home, table) if each is not None]
        return [*before, value.name], []
    if isinstance(value, UserType):
        return [type_identity(view, value.oid)], []
    home = view.object(getattr(value, "schema", 0))
    names = [*([] if home is None or schema is None else [home.name]), value.name]
    if isinstance(value, UserFunction):
        given = identity_of(view, value)[3].partition("(")[2].removesuffix(")")
        return names, given.split(",") if given else []
    return names, []


FUNCTIONS: Final[tuple[Function, ...]] = (
    row(
        "3954 pg_get_object_address(type text, object_names _text, object_args _text) "
        "record(classid oid, objid oid, objsubid int4) stable context",
        _get,
        "an object's address, by its kind and names",
    ),
    row(
        "3382 pg_identify_object_as_address(classid oid, objid oid, objsubid int4) "
        "record(type text, object_names _text, object_args _text) stable context",
        _as_address,
        "an object's kind and names, by its address",
    ),
)
