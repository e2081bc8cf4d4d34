"""pg_type, pg_enum, pg_range and pg_namespace: what names types live under, and the types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.catalog.objects import (
    BaseTypeParts,
    Oid,
    Schema,
    Table,
    UserType,
)
from server.catalog.views.physical import ARRAY_SUBSCRIPT, operator_class, type_facts
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

_NO_FUNCTIONS: dict[str, Any] = {"typmodin": 0, "typmodout": 0, "typanalyze": 0, "typsubscript": 0}
ENUM_FUNCTIONS = _NO_FUNCTIONS | {
    "typinput": 3506,
    "typoutput": 3507,
    "typreceive": 3532,
    "typsend": 3533,
}
RECORD_FUNCTIONS = _NO_FUNCTIONS | {
    "typinput": 2290,
    "typoutput": 2291,
    "typreceive": 2402,
    "typsend": 2403,
}
RANGE_FUNCTIONS = _NO_FUNCTIONS | {
    "typinput": 3834,
    "typoutput": 3835,
    "typreceive": 3836,
    "typsend": 3837,
    "typanalyze": 3916,
}
MULTIRANGE_FUNCTIONS = _NO_FUNCTIONS | {
    "typinput": 4231,
    "typoutput": 4232,
    "typreceive": 4233,
    "typsend": 4234,
    "typanalyze": 4242,
}
ARRAY_FUNCTIONS = _NO_FUNCTIONS | {
    "typinput": 750,
    "typoutput": 751,
    "typreceive": 2400,
    "typsend": 2401,
    "typanalyze": 3816,
    "typsubscript": ARRAY_SUBSCRIPT,
}
DOMAIN_INPUT, DOMAIN_RECEIVE = 2597, 2598

_TYPE_DEFAULTS: dict[str, Any] = {
    "typlen": -1,
    "typbyval": False,
    "typispreferred": False,
    "typisdefined": True,
    "typdelim": ",",
    "typrelid": 0,
    "typelem": 0,
    "typarray": 0,
    "typnotnull": False,
    "typbasetype": 0,
    "typtypmod": -1,
    "typndims": 0,
    "typcollation": 0,
}


def type_row(view: CatalogView, oid: Oid) -> Row:
    """The row of pg_type of any type."""
    builtin = type_facts().get(oid)
    if builtin is not None:
        return builtin
    value = view.object(oid)
    if isinstance(value, UserType):
        return _MAKERS[value.kind](view, value)
    table = view.table_of_row_type(oid)
    if table is not None:
        return _row_type(view, table)
    element = view.element_of_array(oid)
    owner = None
    if element is not None:
        owner = view.table_of_row_type(element) or view.object(element)
    assert isinstance(owner, UserType | Table), oid
    return _array(view, owner)


def _identity(view: CatalogView, value: Any, oid: Oid) -> dict[str, Any]:
    return _TYPE_DEFAULTS | {
        "oid": oid,
        "typname": value.name,
        "typnamespace": value.schema,
        "typowner": value.owner,
    }


def _row_type(view: CatalogView, table: Table) -> Row:
    return _identity(view, table, table.row_type) | RECORD_FUNCTIONS | {
        "typtype": "c",
        "typcategory": "C",
        "typrelid": table.oid,
        "typarray": table.array_type,
        "typalign": "d",
        "typstorage": "x",
    }  # fmt: skip


def _enum(view: CatalogView, value: UserType) -> Row:
    return _identity(view, value, value.oid) | ENUM_FUNCTIONS | {
        "typlen": 4,
        "typbyval": True,
        "typtype": "e",
        "typcategory": "E",
        "typarray": value.array_oid,
        "typalign": "i",
        "typstorage": "p",
        "typacl": acl_array(view, value.acl),
    }  # fmt: skip


def _composite(view: CatalogView, value: UserType) -> Row:
    return _identity(view, value, value.oid) | RECORD_FUNCTIONS | {
        "typtype": "c",
        "typcategory": "C",
        "typrelid": value.relation,
        "typarray": value.array_oid,
        "typalign": "d",
        "typstorage": "x",
        "typacl": acl_array(view, value.acl),
    }  # fmt: skip


def _domain(view: CatalogView, value: UserType) -> Row:
    base = type_row(view, value.base_type)
    return {**base, **_identity(view, value, value.oid)} | {
        "typlen": base["typlen"],
        "typbyval": base["typbyval"],
        "typcategory": base["typcategory"],
        "typdelim": base["typdelim"],
        "typcollation": value.collation or base["typcollation"],
        "typtype": "d",
        "typarray": value.array_oid,
        "typinput": DOMAIN_INPUT,
        "typreceive": DOMAIN_RECEIVE,
        "typmodin": 0,
        "typmodout": 0,
        "typnotnull": value.not_null,
        "typbasetype": value.base_type,
        "typtypmod": value.base_modifier,
        "typdefaultbin": value.default,
        "typdefault": value.default_shown,
        "typacl": acl_array(view, value.acl),
    }


def _array(view: CatalogView, value: UserType | Table) -> Row:
    if isinstance(value, Table):
        oid, array = value.row_type, value.array_type
    else:
        oid, array = value.oid, value.array_oid
    element = type_row(view, oid)
    return _identity(view, value, array) | ARRAY_FUNCTIONS | {
        "typname": view.array_name(value.schema, value.name),
        "typtype": "b",
        "typcategory": "A",
        "typelem": oid,
        "typdelim": element["typdelim"],
        "typcollation": element["typcollation"],
        "typalign": "d" if element["typalign"] == "d" else "i",
        "typstorage": "x",
    }  # fmt: skip


def _range(view: CatalogView, value: UserType) -> Row:
    functions = MULTIRANGE_FUNCTIONS if value.kind == "m" else RANGE_FUNCTIONS
    subtype = view.type(value.oid).range
    assert subtype is not None, value.name
    return _identity(view, value, value.oid) | functions | {
        "typtype": value.kind,
        "typcategory": "R",
        "typarray": value.array_oid,
        "typalign": "d" if subtype.subtype.alignment == "d" else "i",
        "typstorage": "x",
        "typacl": acl_array(view, value.acl),
    }  # fmt: skip


def _base_parts(view: CatalogView, value: UserType, parts: BaseTypeParts) -> Row:
    return _identity(view, value, value.oid) | {
        "typlen": parts.length,
        "typbyval": parts.by_value,
        "typtype": "b",
        "typcategory": parts.category,
        "typispreferred": parts.preferred,
        "typdelim": parts.delimiter,
        "typelem": parts.element,
        "typarray": value.array_oid,
        "typinput": parts.input,
        "typoutput": parts.output,
        "typreceive": parts.receive,
        "typsend": parts.send,
        "typmodin": parts.modifier_in,
        "typmodout": parts.modifier_out,
        "typanalyze": parts.analyze,
        "typsubscript": parts.subscript,
        "typalign": parts.alignment,
        "typstorage": parts.storage,
        "typcollation": parts.collation,
        "typdefault": parts.default,
        "typacl": acl_array(view, value.acl),
    }


SHELL_INPUT, SHELL_OUTPUT = 2398, 2399


def _shell(view: CatalogView, value: UserType) -> Row:
    return _identity(view, value, value.oid) | _NO_FUNCTIONS | {
        "typlen": 4,
        "typbyval": True,
        "typtype": "p",
        "typcategory": "P",
        "typisdefined": False,
        "typinput": SHELL_INPUT,
        "typoutput": SHELL_OUTPUT,
        "typreceive": 0,
        "typsend": 0,
        "typalign": "i",
        "typstorage": "p",
        "typacl": acl_array(view, value.acl),
    }  # fmt: skip


def _base(view: CatalogView, value: UserType) -> Row:
    if value.base is not None:
        return _base_parts(view, value, value.base)
    if not value.codecs:
        return _shell(view, value)
    kind = view.type(value.oid)
    return _identity(view, value, value.oid) | {
        "typtype": "b",
        "typcategory": kind.category,
        "typarray": value.array_oid,
        "typcollation": kind.collation,
        "typalign": kind.alignment,
        "typstorage": kind.storage_strategy,
        "typacl": acl_array(view, value.acl),
    }


_MAKERS = {"b": _base, "e": _enum, "d": _domain, "c": _composite, "r": _range, "m": _range}


def _ranges(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(UserType):
        if value.kind == "r":
            yield {
                "rngtypid": value.oid,
                "rngsubtype": value.base_type,
                "rngmultitypid": value.partner,
                "rngcollation": value.collation or view.type(value.base_type).collation,
                "rngsubopc": value.subtype_class or operator_class(view, "btree", value.base_type),
                "rngcanonical": 0,
                "rngsubdiff": value.subtype_difference,
            }


def _types(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(UserType, Table):
        if isinstance(value, UserType):
            yield _MAKERS[value.kind](view, value)
            if value.array_oid:
                yield _array(view, value)
        elif isinstance(value, Table) and value.row_type and value.kind != "c":
            yield _row_type(view, value)
            if value.array_type:
                yield _array(view, value)


def _labels(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(UserType):
        for oid, position, label in value.labels:
            yield {
                "oid": oid,
                "enumtypid": value.oid,
                "enumsortorder": position,
                "enumlabel": label,
            }


def _schema_row(view: CatalogView, value: Schema) -> Row:
    return {
        "oid": value.oid,
        "nspname": value.name,
        "nspowner": value.owner,
        "nspacl": acl_array(view, value.acl),
    }


def _schemas(view: CatalogView) -> Iterator[Row]:
    return (_schema_row(view, value) for value in view.objects(Schema))


RELATIONS = (
    SystemRelation(name="pg_type", file="pg_type", objects=_types),
    SystemRelation(name="pg_enum", objects=_labels),
    SystemRelation(name="pg_range", file="pg_range", objects=_ranges),
    SystemRelation(name="pg_namespace", objects=_schemas),
)
