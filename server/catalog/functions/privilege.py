"""has_..._privilege and pg_has_role: what a role may do.

Every function comes in six forms: the role is given by name, by OID or is the current user, the
object by name or OID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer
from server.catalog.functions.scope import names_of, session_of, view_of
from server.catalog.objects import (
    CatalogObject,
    Column,
    Database,
    Index,
    Role,
    Schema,
    Sequence,
    Table,
    UserType,
)
from server.catalog.privileges import (
    ALL_OF,
    LETTERS,
    PUBLIC,
    default_grants,
    has_column_privilege,
    has_privilege,
    has_privileges_of,
    is_member,
    is_superuser,
    role_shown,
    roles_of,
)
from server.catalog.routine_objects import UserFunction
from server.catalog.system_privileges import default_of, system_privileges
from server.catalog.tablespaces import BUILT_IN, Tablespace
from server.catalog.views.physical import named_facts
from server.errors import (
    InternalError,
    InvalidCatalogName,
    InvalidParameterValue,
    InvalidSchemaName,
    UndefinedColumn,
    UndefinedObject,
    WrongObjectType,
)
from server.functions.declare import row
from server.oids import ACLITEM
from server.types.array import Array, make_array

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.functions.function import CallContext, Function


FORMER: Final = frozenset(("rule",))
"""Privileges that there were once, and that nobody has."""


def asked(kind: str, text: str) -> list[tuple[str, bool]]:
    """The privileges of a list: letters, and whether the grant option is meant."""
    found = []
    for part in text.split(","):
        word = part.strip().lower()
        plain = word.removesuffix(" with grant option")
        if plain in FORMER and kind == "table":
            continue
        letter = LETTERS.get(plain, "")
        if not letter or letter not in ALL_OF[kind]:
            raise InvalidParameterValue(f'unrecognized privilege type: "{part.strip()}"')
        found.append((letter, plain != word))
    return found


def role_asked(call: CallContext, role: str | int) -> int:
    """The role an argument means; raises UndefinedObject."""
    if isinstance(role, int):
        return role
    if role == "public":
        return PUBLIC
    found = view_of(call).role_named(role)
    if found is None:
        raise UndefinedObject(f'role "{role}" does not exist')
    return found.oid


# Objects by name or OID; None for an OID of nothing


def _relation(call: CallContext, name: str | int) -> CatalogObject | None:
    names = names_of(call)
    if isinstance(name, int):
        found: Any = names.view.object(name)
        return found if isinstance(found, Table | Index | Sequence) else None
    return names.view.object(names.oid_of("regclass", name))


def _named(
    kind: type[CatalogObject],
    find: Callable[[CatalogView, str], Any],
    missing: Callable[[str], Exception],
) -> Callable[[CallContext, str | int], CatalogObject | None]:
    def read(call: CallContext, name: str | int) -> CatalogObject | None:
        view = view_of(call)
        if isinstance(name, int):
            value = view.object(name)
            return value if isinstance(value, kind) else None
        found: CatalogObject | None = find(view, name)
        if found is None:
            raise missing(name)
        return found

    return read


def _registered(type_name: str, kind: type[CatalogObject]) -> Callable[..., CatalogObject | None]:
    def read(call: CallContext, name: str | int) -> CatalogObject | None:
        oid = name if isinstance(name, int) else names_of(call).oid_of(type_name, name)
        value = view_of(call).object(oid)
        if isinstance(value, kind):
            return value
        return _system_object("function" if kind is UserFunction else "type", view_of(call), oid)

    return read


def _system_object(kind: str, view: CatalogView, oid: int) -> CatalogObject | None:
    """The privileges on a built-in object; None where there is no such."""
    try:
        return system_privileges(view, oid) or default_of(kind, oid)
    except KeyError:
        return None


def _language(call: CallContext, name: str | int) -> CatalogObject | None:
    oid = name
    if isinstance(name, str):
        rows = named_facts("pg_language")
        oid = next((row["oid"] for row in rows if row["lanname"] == name), 0)
        if not oid:
            raise UndefinedObject(f'language "{name}" does not exist')
    assert isinstance(oid, int)
    return _system_object("language", view_of(call), oid)


def _builtin(oid: int) -> CatalogObject:
    """A built-in object that everybody may use."""
    everybody = tuple(f"{PUBLIC}={letters}/10" for letters in ("XU",))
    return Schema(oid=oid, name="", acl=everybody)


def _tablespace(call: CallContext, name: str | int) -> CatalogObject | None:
    view = view_of(call)
    if isinstance(name, int):
        found = view.object(name)
        return found if isinstance(found, Tablespace) else _builtin(name)
    if name in BUILT_IN:
        return _builtin(BUILT_IN[name])
    value = view.object_named(Tablespace, name)
    if value is None:
        raise UndefinedObject(f'tablespace "{name}" does not exist')
    return value


Finder = Callable[[Any, Any], "CatalogObject | None"]

OBJECT_FINDERS: dict[str, Finder] = {
    "table": _relation,
    "sequence": _relation,
    "schema": _named(
        Schema,
        lambda view, name: view.schema_named(name),
        lambda name: InvalidSchemaName(f'schema "{name}" does not exist'),
    ),
    "database": _named(
        Database,
        lambda view, name: view.database_named(name),
        lambda name: InvalidCatalogName(f'database "{name}" does not exist'),
    ),
    "function": _registered("regprocedure", UserFunction),
    "type": _registered("regtype", UserType),
    "language": _language,
    "tablespace": _tablespace,
    "foreign data wrapper": _named(
        ForeignDataWrapper,
        lambda view, name: view.object_named(ForeignDataWrapper, name),
        lambda name: UndefinedObject(f'foreign-data wrapper "{name}" does not exist'),
    ),
    "server": _named(
        ForeignServer,
        lambda view, name: view.object_named(ForeignServer, name),
        lambda name: UndefinedObject(f'server "{name}" does not exist'),
    ),
}

KIND_OIDS = {
    "table": (1922, 1923, 1924, 1925, 1926, 1927),
    "sequence": (2181, 2182, 2183, 2184, 2185, 2186),
    "database": (2250, 2251, 2252, 2253, 2254, 2255),
    "function": (2256, 2257, 2258, 2259, 2260, 2261),
    "language": (2262, 2263, 2264, 2265, 2266, 2267),
    "schema": (2268, 2269, 2270, 2271, 2272, 2273),
    "tablespace": (2390, 2391, 2392, 2393, 2394, 2395),
    "foreign data wrapper": (3000, 3001, 3002, 3003, 3004, 3005),
    "server": (3006, 3007, 3008, 3009, 3010, 3011),
    "type": (3138, 3139, 3140, 3141, 3142, 3143),
}
FORMS = (
    "name, text, text",
    "name, oid, text",
    "oid, text, text",
    "oid, oid, text",
    "text, text",
    "oid, text",
)


def _with_role(
    arguments: tuple[Any, ...], count: int, call: CallContext
) -> tuple[int, tuple[Any, ...]]:
    """The role that is meant and the other arguments."""
    if len(arguments) == count:
        user: int = session_of(call).user_oid
        return user, arguments
    return role_asked(call, arguments[0]), arguments[1:]


def _checker(kind: str) -> Callable[..., bool | None]:
    def check(call: CallContext, *arguments: Any) -> bool | None:
        role, (name, privileges) = _with_role(arguments, 2, call)
        if kind == "sequence":  # the one kind of which privileges are read before the name
            asked(kind, privileges)
        value = OBJECT_FINDERS[kind](call, name)
        wanted = asked(kind, privileges)
        if kind == "sequence" and value is not None and not isinstance(value, Sequence):
            raise WrongObjectType(f'"{value.name}" is not a sequence')
        if value is None:
            return None
        return any(
            has_privilege(view_of(call), role, value, letter, option=option)
            for letter, option in wanted
        )

    return check


def _kind_functions() -> Iterator[Function]:
    for kind, oids in KIND_OIDS.items():
        check = _checker(kind)
        for oid, form in zip(oids, FORMS, strict=True):
            yield row(
                f"{oid} has_{kind.replace(' ', '_')}_privilege({form}) bool stable context",
                check,
                f"whether a role has a privilege on a {kind}",
            )


PARAMETER_PRIVILEGES: Final = frozenset(("set", "alter system"))


def _parameter(call: CallContext, *arguments: Any) -> bool:
    """Nobody is granted anything on settings, so that it is about superusers."""
    role, (_, privileges) = _with_role(arguments, 2, call)
    for part in privileges.split(","):
        word = part.strip().lower().removesuffix(" with grant option")
        if word not in PARAMETER_PRIVILEGES:
            raise InvalidParameterValue(f'unrecognized privilege type: "{part.strip()}"')
    return is_superuser(view_of(call), role)


def _column(call: CallContext, *arguments: Any) -> bool | None:
    role, (name, column, privileges) = _with_role(arguments, 3, call)
    table = _relation(call, name)
    number = _number_of(table, column)
    wanted = asked("column", privileges)
    if not isinstance(table, Table) or number is None:
        return None
    column = number
    if not 1 <= column <= len(table.columns) or table.column(column).dropped:
        return None
    view = view_of(call)
    return any(has_column_privilege(view, role, table, column, letter) for letter, _ in wanted)


def _number_of(table: CatalogObject | None, column: str | int) -> int | None:
    """The number of a column; None for one that has been dropped."""
    if isinstance(column, int) or not isinstance(table, Table):
        return column if isinstance(column, int) else None
    found = table.column_named(column)
    if found is not None:
        return found.number
    if any(column == _dropped_name(each) for each in table.columns):
        return None
    raise UndefinedColumn(f'column "{column}" of relation "{table.name}" does not exist')


def _dropped_name(column: Column) -> str:
    """What a column is called once it has been dropped."""
    return f"........pg.dropped.{column.number}........" if column.dropped else ""


def _any_column(call: CallContext, *arguments: Any) -> bool | None:
    role, (name, privileges) = _with_role(arguments, 2, call)
    table = _relation(call, name)
    wanted = asked("column", privileges)
    if not isinstance(table, Table):
        return None
    view = view_of(call)
    return any(
        has_column_privilege(view, role, table, column.number, letter)
        for letter, _ in wanted
        for column in table.live_columns
    )


def _column_functions() -> Iterator[Function]:
    roles, tables, columns = ("name, ", "oid, ", ""), ("text, ", "oid, "), ("text, ", "int2, ")
    oid = 3012
    for role in roles:
        for table in tables:
            for column in columns:
                yield row(
                    f"{oid} has_column_privilege({role}{table}{column}text) bool stable context",
                    _column,
                    "whether a role has a privilege on a column",
                )
                oid += 1
    for role in roles:
        for table in tables:
            yield row(
                f"{oid} has_any_column_privilege({role}{table}text) bool stable context",
                _any_column,
                "whether a role has a privilege on any column",
            )
            oid += 1


# Membership


def _member_asked(call: CallContext, role: str | int) -> int:
    """The role that an argument means; public is one to grant to, and not one to be in."""
    if role == "public":
        raise UndefinedObject('role "public" does not exist')
    return role_asked(call, role)


def _has_role(call: CallContext, *arguments: Any) -> bool:
    roles = [_member_asked(call, each) for each in arguments[:-1]]
    role, (wanted, privileges) = _with_role((*roles, arguments[-1]), 2, call)
    view = view_of(call)
    return any(_fulfils(view, role, wanted, part.strip()) for part in privileges.split(","))


def _fulfils(view: CatalogView, member: int, role: int, text: str) -> bool:
    word = " ".join(text.upper().split())
    plain = word.removesuffix(" WITH ADMIN OPTION").removesuffix(" WITH GRANT OPTION")
    if plain not in ("MEMBER", "USAGE"):
        raise InvalidParameterValue(f'unrecognized privilege type: "{text}"')
    if plain != word:
        return is_superuser(view, member) or _is_admin(view, member, role)
    if plain == "MEMBER":
        return is_member(view, member, role)
    return has_privileges_of(view, member, role)


def _is_admin(view: CatalogView, member: int, role: int) -> bool:
    value = view.object(role)
    mine = roles_of(view, member, inherited=False)
    return isinstance(value, Role) and any(admin and oid in mine for oid, admin in value.members)


# Acl items


def _explode(call: CallContext, items: Array) -> Iterator[tuple[int, int, str, bool]]:
    words = {letter: word.upper() for word, letter in LETTERS.items() if word != "temp"}
    for item in items.items:
        grantee, _, rest = item.rpartition("=")
        letters, _, grantor = rest.partition("/")
        for position, letter in enumerate(letters):
            if letter != "*":
                yield (
                    _role_shown_oid(call, grantor),
                    _role_shown_oid(call, grantee),
                    words[letter],
                    letters[position + 1 : position + 2] == "*",
                )


def _role_shown_oid(call: CallContext, name: str) -> int:
    if not name:
        return PUBLIC
    found = view_of(call).role_named(name.strip('"').replace('""', '"'))
    return found.oid if found is not None else PUBLIC


ACL_KINDS = {
    "c": "column",
    "r": "table",
    "s": "sequence",
    "d": "database",
    "f": "function",
    "l": "language",
    "L": "large object",
    "n": "schema",
    "t": "tablespace",
    "F": "foreign data wrapper",
    "S": "server",
    "T": "type",
}


def _default(call: CallContext, letter: str, owner: int) -> Array:
    kind = ACL_KINDS.get(letter)
    if kind is None:
        raise InternalError(f"unrecognized objtype abbreviation: {letter}")
    view = view_of(call)
    grants = () if kind == "column" else default_grants(kind, owner)
    items = (
        f"{role_shown(view, grant.grantee)}={grant.shown}/{role_shown(view, grant.grantor)}"
        for grant in grants
    )
    return make_array(ACLITEM, tuple(items))


def _make_item(
    call: CallContext,
    grantee: int,
    grantor: int,
    privilege: str,
    option: bool,
) -> str:
    letter = LETTERS.get(privilege.lower())
    if letter is None:
        raise InvalidParameterValue(f'unrecognized privilege type: "{privilege}"')
    view = view_of(call)
    shown = letter + ("*" if option else "")
    return f"{role_shown(view, grantee)}={shown}/{role_shown(view, grantor)}"


FUNCTIONS = (
    *_kind_functions(),
    *_column_functions(),
    *(
        row(
            f"{oid} pg_has_role({form}) bool stable context",
            _has_role,
            "whether a role is in another",
        )
        for oid, form in (
            (2705, "name, name, text"),
            (2706, "name, oid, text"),
            (2707, "oid, name, text"),
            (2708, "oid, oid, text"),
            (2709, "name, text"),
            (2710, "oid, text"),
        )
    ),
    *(
        row(
            f"{oid} has_parameter_privilege({form}) bool stable context",
            _parameter,
            "whether a role may set a parameter",
        )
        for oid, form in (
            (6205, "name, text, text"),
            (6206, "oid, text, text"),
            (6207, "text, text"),
        )
    ),
    row(
        "1689 aclexplode(acl _aclitem) record(grantor oid, grantee oid, privilege_type text, "
        "is_grantable bool) stable set context",
        _explode,
        "the privileges of acl items, one a row",
    ),
    row("3943 acldefault(char, oid) _aclitem stable context", _default, "default privileges"),
    row("1365 makeaclitem(oid, oid, text, bool) aclitem stable context", _make_item, "an acl item"),
)
