"""What other objects than relations need: types, functions, operators, casts, text search, foreign data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.event_triggers import EventTrigger
from server.catalog.foreign_objects import ForeignDataWrapper, ForeignServer, UserMapping
from server.catalog.objects import Constraint, ExtensionObject, Index, UserType
from server.catalog.operator_class_objects import (
    FamilyFunction,
    FamilyOperator,
    OperatorClass,
    OperatorFamily,
)
from server.catalog.routine_objects import AggregateParts, UserCast, UserFunction, UserOperator
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.views.comments import CATALOG_OF, CATALOG_OIDS
from server.catalog.views.dependency_rows import (
    AUTOMATIC,
    EXTENSION,
    INTERNAL,
    LANGUAGE,
    NORMAL,
    TYPE,
    address,
    depends,
    in_text,
    on_collations,
    on_functions,
    on_named,
    on_objects,
    on_schema,
    on_types,
)
from server.catalog.views.routines import language_oid
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import CatalogObject
    from server.catalog.views.relation import Row

CLASS, FAMILY, OPERATOR = (
    CATALOG_OIDS[f"pg_{name}"] for name in ("opclass", "opfamily", "operator")
)
WRAPPER, SERVER = CATALOG_OIDS["pg_foreign_data_wrapper"], CATALOG_OIDS["pg_foreign_server"]
PINNED_LANGUAGES: Final = ("internal", "c", "sql")
OPERATOR_OF_FAMILY, FUNCTION_OF_FAMILY = 2602, 2603
"""pg_amop and pg_amproc."""
STANDARD_HASH = 1
"""The hash function that a class cannot be without; the extended one may leave its family."""


def _type(value: UserType, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    if value.array_oid:
        yield depends((TYPE, value.array_oid, 0), me, INTERNAL)
    if value.base_type >= FIRST_USER_OID:
        yield depends(me, (TYPE, value.base_type, 0), INTERNAL if value.kind == "m" else NORMAL)
    yield from on_functions(me, (value.subtype_difference,))
    yield from on_collations(me, (value.collation,))
    if value.subtype_class >= FIRST_USER_OID:
        yield depends(me, (CLASS, value.subtype_class, 0))
    for maker in value.constructors:
        yield depends((CATALOG_OIDS["pg_proc"], maker, 0), me, INTERNAL)
    yield from in_text(me, value.default)
    base = value.base
    below = view.object(value.base_type) if value.kind == "d" else None
    if isinstance(below, UserType) and below.base is not None:
        yield from on_functions(me, (below.base.output, below.base.send))
    if base is not None:
        served = (base.input, base.output, base.receive, base.send, base.modifier_in)
        yield from on_functions(me, (*served, base.modifier_out, base.analyze, base.subscript))
        yield from on_types(me, (base.element,))


def _function(value: UserFunction, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    if value.language not in PINNED_LANGUAGES and value.aggregate is None:
        yield depends(me, (LANGUAGE, language_oid(value.language), 0))
    parts = value.aggregate
    state = () if parts is None else (parts.transition_type, parts.moving_type)
    yield from on_types(me, (value.result, *value.arguments, *state))
    yield from on_functions(me, (value.support, *(() if parts is None else _called(parts))))
    yield from on_named(me, view, value.depends_on, value.reads)
    yield from in_text(me, *value.defaults)


def _called(parts: AggregateParts) -> tuple[int, ...]:
    plain = (parts.transition, parts.final, parts.combine, parts.serial, parts.deserial)
    return (*plain, parts.moving_transition, parts.moving_inverse, parts.moving_final)


def _operator(value: UserOperator, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    yield from on_types(me, (value.left, value.right, value.result))
    yield from on_functions(me, (value.function, value.restrict, value.join))


def _cast(value: UserCast, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_types(me, (value.source, value.target))
    yield from on_functions(me, (value.function,))


def _family(value: OperatorFamily, view: CatalogView) -> Iterator[Row]:
    yield from on_schema(address(value), value.schema)


def _class(value: OperatorClass, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    yield depends(me, (FAMILY, value.family, 0), AUTOMATIC)
    yield from on_types(me, (value.type, value.storage))


def _family_operator(value: FamilyOperator, view: CatalogView) -> Iterator[Row]:
    me = (OPERATOR_OF_FAMILY, value.oid, 0)
    yield from _member(value, is_loose=not value.of_class)
    if value.operator >= FIRST_USER_OID:
        yield depends(me, (OPERATOR, value.operator, 0), NORMAL if value.of_class else AUTOMATIC)


def _family_function(value: FamilyFunction, view: CatalogView) -> Iterator[Row]:
    me = (FUNCTION_OF_FAMILY, value.oid, 0)
    family = view.object(value.family)
    is_hash = isinstance(family, OperatorFamily) and family.method == "hash"
    is_loose = not value.of_class or (is_hash and value.number != STANDARD_HASH)
    yield from _member(value, is_loose=is_loose)
    for needed in on_functions(me, (value.function,)):
        yield {**needed, "deptype": AUTOMATIC if is_loose else NORMAL}


def _member(value: FamilyOperator | FamilyFunction, *, is_loose: bool) -> Iterator[Row]:
    """A member goes with its class, a loose one with the family."""
    is_operator = isinstance(value, FamilyOperator)
    me = (OPERATOR_OF_FAMILY if is_operator else FUNCTION_OF_FAMILY, value.oid, 0)
    if is_loose:
        yield depends(me, (FAMILY, value.family, 0), AUTOMATIC)
    else:
        yield depends(me, (CLASS, value.of_class, 0), INTERNAL)


def _configuration(value: TextSearchConfiguration, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    dictionaries = (oid for _, oids in value.mapping for oid in oids)
    yield from on_objects(me, view, _of_users((value.parser, *dictionaries)))


def _dictionary(value: TextSearchDictionary, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    yield from on_objects(me, view, _of_users((value.template,)))


def _of_users(oids: tuple[int, ...]) -> Iterator[int]:
    return (oid for oid in oids if oid >= FIRST_USER_OID)


def _in_schema(value: TextSearchParser | TextSearchTemplate, view: CatalogView) -> Iterator[Row]:
    yield from on_schema(address(value), value.schema)


def _wrapper(value: ForeignDataWrapper, view: CatalogView) -> Iterator[Row]:
    yield from on_functions(address(value), (value.handler, value.validator))


def _server(value: ForeignServer, view: CatalogView) -> Iterator[Row]:
    yield depends(address(value), (WRAPPER, value.wrapper, 0))


def _mapping(value: UserMapping, view: CatalogView) -> Iterator[Row]:
    yield depends(address(value), (SERVER, value.server, 0), AUTOMATIC)


def _event_trigger(value: EventTrigger, view: CatalogView) -> Iterator[Row]:
    yield from on_functions(address(value), (value.function,))


def _extension(value: ExtensionObject, view: CatalogView) -> Iterator[Row]:
    me = address(value)
    yield from on_schema(me, value.schema)
    for oid in value.members:
        member = view.object(oid)
        # members of families, constraints and indexes go with what they are part of
        if type(member) in CATALOG_OF and not isinstance(member, Constraint | Index):
            assert member is not None
            yield depends(address(member), me, EXTENSION)
    for other in view.objects(ExtensionObject):
        if other.name in value.requires:
            yield depends(me, address(other))


NEEDS: Final[dict[type[CatalogObject], Callable[[Any, CatalogView], Iterator[Row]]]] = {
    UserType: _type,
    UserFunction: _function,
    UserOperator: _operator,
    UserCast: _cast,
    OperatorFamily: _family,
    OperatorClass: _class,
    FamilyOperator: _family_operator,
    FamilyFunction: _family_function,
    TextSearchConfiguration: _configuration,
    TextSearchDictionary: _dictionary,
    TextSearchParser: _in_schema,
    TextSearchTemplate: _in_schema,
    ForeignDataWrapper: _wrapper,
    ForeignServer: _server,
    UserMapping: _mapping,
    EventTrigger: _event_trigger,
    ExtensionObject: _extension,
}
