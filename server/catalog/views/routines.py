"""pg_proc, pg_aggregate, pg_operator and pg_cast, and the catalogs that users cannot add to.

Collations, languages, index methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.objects import ExtensionObject, Oid, Role
from server.catalog.routine_objects import UserCast, UserFunction, UserOperator
from server.catalog.views.each_object import EachObject
from server.catalog.views.physical import named_facts
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import acl_array, oid_array, oid_vector, texts
from server.extensions.registry import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView

INPUT_MODES = "ibv"


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
        "procost": value.cost,
        "prorows": value.rows,
        "provariadic": _variadic(view, value),
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
        "prosrc": "" if value.is_atomic else value.body,
        "probin": value.binary or None,
        "prosqlbody": value.body if value.is_atomic else None,
        "proconfig": texts(value.settings) if value.settings else None,
        "proacl": acl_array(view, value.acl),
    }


def _variadic(view: CatalogView, value: UserFunction) -> Oid:
    """The type of the elements of a VARIADIC parameter, 0 for none."""
    positions = value.having_mode("v")
    if not positions:
        return 0
    oid = value.arguments[positions[0]]
    elements = {2276: 2276, 2277: 2283, 5078: 5077}
    return elements.get(oid) or view.type(oid).element_oid


def _operators(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(UserOperator):
        yield {
            "oid": value.oid,
            "oprname": value.name,
            "oprnamespace": value.schema,
            "oprowner": value.owner,
            "oprkind": "b" if value.left else "l",
            "oprcanmerge": value.merges,
            "oprcanhash": value.hashes,
            "oprleft": value.left,
            "oprright": value.right,
            "oprresult": value.result,
            "oprcom": value.commutator,
            "oprnegate": value.negator,
            "oprcode": value.function,
            "oprrest": value.restrict,
            "oprjoin": value.join,
        }


def _casts(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(UserCast):
        yield {
            "oid": value.oid,
            "castsource": value.source,
            "casttarget": value.target,
            "castfunc": value.function,
            "castcontext": value.context,
            "castmethod": value.method,
        }


def _aggregates(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(UserFunction):
        parts = value.aggregate
        if parts is not None:
            yield {
                "aggfnoid": value.oid,
                "aggkind": parts.kind,
                "aggnumdirectargs": parts.direct_arguments,
                "aggtransfn": parts.transition,
                "aggfinalfn": parts.final,
                "aggcombinefn": parts.combine,
                "aggserialfn": parts.serial,
                "aggdeserialfn": parts.deserial,
                "aggmtransfn": parts.moving_transition,
                "aggminvtransfn": parts.moving_inverse,
                "aggmfinalfn": parts.moving_final,
                "aggfinalextra": parts.final_extra,
                "aggmfinalextra": parts.moving_final_extra,
                "aggfinalmodify": parts.final_modify,
                "aggmfinalmodify": parts.moving_final_modify,
                "aggsortop": parts.sort_operator,
                "aggtranstype": parts.transition_type,
                "aggtransspace": parts.transition_space,
                "aggmtranstype": parts.moving_type,
                "aggmtransspace": parts.moving_space,
                "agginitval": parts.initial,
                "aggminitval": parts.moving_initial,
            }


def _extensions(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(ExtensionObject):
        known = EXTENSIONS.get(value.name)
        yield {
            "oid": value.oid,
            "extname": value.name,
            "extowner": value.owner,
            "extnamespace": value.schema,
            "extrelocatable": known is None or known.relocatable,
            "extversion": value.version,
        }


def _collations(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Collation):
        yield {
            "oid": value.oid,
            "collname": value.name,
            "collnamespace": value.schema,
            "collowner": value.owner,
            "collprovider": value.provider,
            "collisdeterministic": value.deterministic,
            "collencoding": value.encoding,
            "collcollate": value.collate,
            "collctype": value.ctype,
            "colliculocale": value.locale,
            "collversion": value.version,
        }


def _conversions(view: CatalogView) -> Iterator[Row]:
    for value in view.objects(Conversion):
        yield {
            "oid": value.oid,
            "conname": value.name,
            "connamespace": value.schema,
            "conowner": value.owner,
            "conforencoding": value.source,
            "contoencoding": value.target,
            "conproc": value.function,
            "condefault": value.is_default,
        }


FACTS_ONLY = (
    "pg_am",
    "pg_language",
)

RELATIONS = (
    SystemRelation(name="pg_collation", file="pg_collation", objects=_collations),
    SystemRelation(name="pg_conversion", file="pg_conversion", objects=_conversions),
    SystemRelation(name="pg_extension", file="pg_extension", objects=_extensions),
    SystemRelation(
        name="pg_proc",
        file="pg_proc",
        each=EachObject(UserFunction, lambda view, value: (function_row(view, value),), (Role,)),
    ),
    SystemRelation(name="pg_operator", file="pg_operator", objects=_operators),
    SystemRelation(name="pg_cast", file="pg_cast", objects=_casts),
    SystemRelation(name="pg_aggregate", file="pg_aggregate", objects=_aggregates),
    *(SystemRelation(name=name, file=name) for name in FACTS_ONLY),
)
