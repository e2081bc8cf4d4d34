"""pg_proc and the catalogs of built-in objects that users cannot add to.

Operators, casts, collations, languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.objects import Oid, UserFunction
from server.catalog.views.physical import named_facts
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, oid_array, oid_vector, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog import CatalogView

INPUT_MODES = "ibv"
SQL_COST, INTERNAL_COST, SET_ROWS = 100.0, 1.0, 1000.0


def language_oid(name: str) -> Oid:
    """The OID of a language; 0 for none of that name."""
    return next((row["oid"] for row in named_facts("pg_language") if row["lanname"] == name), 0)


def input_types(value: UserFunction) -> list[Oid]:
    """The types of the arguments a call gives."""
    modes = value.argument_modes or ("i",) * len(value.arguments)
    pairs = zip(value.arguments, modes, strict=False)
    return [oid for oid, mode in pairs if mode in INPUT_MODES]


def function_row(view: CatalogView, value: UserFunction) -> Row:
    """The row of pg_proc of a function made by a user."""
    modes = value.argument_modes
    is_plain = all(mode == "i" for mode in modes)
    inputs = input_types(value)
    return {
        "oid": value.oid,
        "proname": value.name,
        "pronamespace": value.schema,
        "proowner": value.owner,
        "prolang": language_oid(value.language),
        "procost": INTERNAL_COST if value.language == "internal" else SQL_COST,
        "prorows": SET_ROWS if value.returns_set else 0.0,
        "provariadic": value.arguments[modes.index("v")] if "v" in modes else 0,
        "prosupport": 0,
        "prokind": value.kind,
        "prosecdef": value.security_definer,
        "proleakproof": value.leakproof,
        "proisstrict": value.strict,
        "proretset": value.returns_set,
        "provolatile": value.volatility,
        "proparallel": value.parallel,
        "pronargs": len(inputs),
        "pronargdefaults": len(value.defaults),
        "prorettype": value.result,
        "proargtypes": oid_vector(inputs),
        "proallargtypes": None if is_plain else oid_array(value.arguments),
        "proargmodes": None if is_plain else texts(modes, 18),
        "proargnames": texts(value.argument_names) if any(value.argument_names) else None,
        "proargdefaults": ", ".join(value.defaults) or None,
        "prosrc": value.body,
        "proacl": acl_array(view, value.acl),
    }


def _functions(view: CatalogView) -> Iterator[Row]:
    for value in view.state.by_oid.values():
        if isinstance(value, UserFunction):
            yield function_row(view, value)


FACTS_ONLY = (
    "pg_operator",
    "pg_opclass",
    "pg_opfamily",
    "pg_amop",
    "pg_amproc",
    "pg_am",
    "pg_cast",
    "pg_aggregate",
    "pg_collation",
    "pg_language",
    "pg_conversion",
    "pg_ts_config",
    "pg_ts_config_map",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_extension",
)

RELATIONS = (
    SystemRelation(name="pg_proc", file="pg_proc", objects=_functions),
    *(SystemRelation(name=name, file=name) for name in FACTS_ONLY),
)
