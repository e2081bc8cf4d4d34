"""pg_..._is_visible: whether the name alone finds an object; to_reg...: objects by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from server.catalog.collations import Collation
from server.catalog.conversions import Conversion
from server.catalog.functions.scope import names_of
from server.catalog.names import TEXT_SEARCH_KINDS as NAMED_KINDS
from server.catalog.names import found_or_none
from server.catalog.objects import Index, Sequence, Table
from server.catalog.operator_class_objects import OperatorClass, OperatorFamily
from server.catalog.routine_objects import UserOperator
from server.catalog.statistics_objects import ExtendedStatistics
from server.catalog.views.physical import fact_of
from server.catalog.visibility import relation_is_visible, type_is_visible, type_object
from server.functions.declare import row

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject
    from server.functions.function import CallContext, Function


def table_is_visible(call: CallContext, oid: int) -> bool | None:
    """Whether a relation is found by its name alone; NULL for none."""
    names = names_of(call)
    value = names.view.object(oid)
    if isinstance(value, Table | Index | Sequence):
        return relation_is_visible(names.view, names.path, value)
    return fact_is_visible("pg_class", "rel", call, oid, of_kind=Table)


def _type_is_visible(call: CallContext, oid: int) -> bool | None:
    names = names_of(call)
    fact = fact_of("pg_type", oid)
    if fact is not None:
        return fact["typnamespace"] in names.path
    value = type_object(names.view, oid)
    if value is None:
        return None
    is_array = names.view.element_of_array(oid) is not None
    name = names.view.array_name(value.schema, value.name) if is_array else value.name
    return type_is_visible(names.view, names.path, value.schema, name, oid)


def _function_is_visible(call: CallContext, oid: int) -> bool | None:
    return names_of(call).routine_is_visible(oid)


def fact_is_visible(
    relation: str, prefix: str, call: CallContext, oid: int, of_kind: type[CatalogObject]
) -> bool | None:
    """Whether an object, a user's is of that kind, is found by its name alone; NULL for none."""
    fact = fact_of(relation, oid)
    if fact is None:
        return object_is_visible(of_kind, call, oid)
    return fact[f"{prefix}namespace"] in names_of(call).path


SAME_BY: Final = ("name", "left", "right", "method")
"""What has to be the same for two objects of a kind to be found by one name."""


def _is_lasting(view: CatalogView, schema: int) -> bool:
    """Whether a schema is not for temporary tables: there only relations and types are found by their names alone."""
    found = view.object(schema)
    return found is None or not found.name.startswith("pg_temp")


def object_is_visible(kind: type[CatalogObject], call: CallContext, oid: int) -> bool | None:
    """Whether a user's object of a kind is found by its name alone; NULL for none."""
    names = names_of(call)
    value = names.view.object(oid)
    if not isinstance(value, kind):
        return None
    wanted = [getattr(value, part, None) for part in SAME_BY]
    alike = [
        each
        for each in names.view.objects(type(value))
        if [getattr(each, part, None) for part in SAME_BY] == wanted
    ]
    for home in filter(partial(_is_lasting, names.view), names.path):
        for each in alike:
            if getattr(each, "schema", 0) == home:
                return each.oid == oid
    return False


def _text_search_is_visible(kind: str, call: CallContext, oid: int) -> bool | None:
    """Whether a text search object is found by its name alone; NULL for none."""
    names = names_of(call)
    value = names.view.object(oid)
    if not isinstance(value, NAMED_KINDS[kind]):
        return None
    for home in names.path:
        found = names.view.text_search_named(kind, home, value.name)
        if found is not None:
            return found.oid == oid
    return False


FACT_KINDS = (
    (2082, "operator", "pg_operator", "opr", UserOperator),
    (2083, "opclass", "pg_opclass", "opc", OperatorClass),
    (3829, "opfamily", "pg_opfamily", "opf", OperatorFamily),
    (3815, "collation", "pg_collation", "coll", Collation),
    (2093, "conversion", "pg_conversion", "con", Conversion),
)
TEXT_SEARCH_KINDS = (
    (3756, "ts_parser", "parser"),
    (3757, "ts_dict", "dictionary"),
    (3768, "ts_template", "template"),
    (3758, "ts_config", "configuration"),
)

TO_REGISTERED = (
    (3495, "regclass"),
    (4195, "regcollation"),
    (4086, "regnamespace"),
    (3492, "regoper"),
    (3476, "regoperator"),
    (3494, "regproc"),
    (3479, "regprocedure"),
    (4093, "regrole"),
    (3493, "regtype"),
)


def _reader(type_name: str) -> Callable[[CallContext, str], int | None]:
    def read(call: CallContext, text: str) -> int | None:
        return found_or_none(names_of(call), type_name, text)

    return read


def _regclass(call: CallContext, text: str) -> int:
    return names_of(call).oid_of("regclass", text)


FUNCTIONS: tuple[Function, ...] = (
    row(
        "2079 pg_table_is_visible(oid) bool stable context",
        table_is_visible,
        "whether a relation is found by its name alone",
    ),
    row(
        "2080 pg_type_is_visible(oid) bool stable context",
        _type_is_visible,
        "whether a type is found by its name alone",
    ),
    row(
        "2081 pg_function_is_visible(oid) bool stable context",
        _function_is_visible,
        "whether a function is found by its name and arguments alone",
    ),
    row(
        "3403 pg_statistics_obj_is_visible(oid) bool stable context",
        partial(object_is_visible, ExtendedStatistics),
        "whether a statistics object is found by its name alone",
    ),
    *(
        row(
            f"{oid} pg_{kind}_is_visible(oid) bool stable context",
            partial(fact_is_visible, relation, prefix, of_kind=of_kind),
            f"whether the object ({kind}) is found by its name alone",
        )
        for oid, kind, relation, prefix, of_kind in FACT_KINDS
    ),
    *(
        row(
            f"{oid} pg_{name}_is_visible(oid) bool stable context",
            partial(_text_search_is_visible, kind),
            f"whether the text search {kind} is found by its name alone",
        )
        for oid, name, kind in TEXT_SEARCH_KINDS
    ),
    *(
        row(
            f"{oid} to_{name}(text) {name} stable context",
            _reader(name),
            "the object of that name, NULL for none",
        )
        for oid, name in TO_REGISTERED
    ),
    row("1079 regclass(text) regclass stable context", _regclass, "the relation of that name"),
)
