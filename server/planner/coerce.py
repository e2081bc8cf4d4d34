"""Coercions: which type may become which.

And the expression that does it (PostgreSQL's parse_coerce).

Rule 1: a context is i (implicit), a (assignment) or e (explicit); each allows what the one before
        it allows.
Rule 2: an unknown literal becomes a constant of the target type at once; an untyped parameter takes
        the target type.
Rule 3: can_coerce() and coerce() agree: what the first allows the second does.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from server.errors import AmbiguousParameter, CannotCoerce, DatatypeMismatch, SqlError
from server.expressions.expression import (
    ApplyModifier,
    CastText,
    Constant,
    Expression,
    Parameter,
    Relabel,
    RowConstructor,
)
from server.oids import ANY, BPCHAR, INTERVAL, NUMERIC, RECORD, TEXT, TEXT_ARRAY, UNKNOWN, VARCHAR
from server.planner.cast_calls import cast_call, cast_of_items
from server.planner.domains import tested
from server.planner.environment import FIRST_DOMAIN_OID, BindContext
from server.planner.pathways import CastContext, Pathway, find_pathway, is_row_pair
from server.planner.polymorphic import OF_BASE_TYPES, is_consistent, is_polymorphic
from server.planner.registered import LOOKUPS, registered_oid
from server.planner.type_facts import (
    base_modifier,
    base_type,
    row_columns,
    type_name,
)
from server.types.identifiers import of_same_bits

if TYPE_CHECKING:
    from server.catalog.objects import Oid
    from server.types.type import TextStyle


_STYLE_DEPENDENT = frozenset((1082, 1083, 1114, 1184, 1186, 1266, 1182, 1115, 1185, 1187))


def coerce(
    context: BindContext,
    expression: Expression,
    target: Oid,
    how: CastContext = "i",
    modifier: int = -1,
) -> Expression | None:
    """The expression as the target type, without its modifier applied.

    None when there is no way.
    """
    source = expression.type.oid
    if source == target or target == ANY:
        return expression
    if is_polymorphic(target) and source != UNKNOWN:
        return _as_polymorphic(context, expression, target)
    changed = _change(context, expression, target, how, modifier)
    if changed is not None and context.resolution is not None:
        context.resolution.note_change(expression, changed)
    return changed


def _as_polymorphic(context: BindContext, expression: Expression, target: Oid) -> Expression | None:
    """A value that may stand for the type stays what it is; of a domain over an array, say, it is the array."""
    source = expression.type.oid
    if not is_consistent(context, (source,), (target,)):
        return None
    plain = base_type(context, source)
    if plain == source or target not in OF_BASE_TYPES:
        return expression
    return Relabel(type=context.type(plain), argument=expression, offset=expression.offset)


def _change(
    context: BindContext, expression: Expression, target: Oid, how: CastContext, modifier: int
) -> Expression | None:
    source = expression.type.oid
    if source == UNKNOWN:
        return _coerce_unknown(context, expression, target, modifier)
    if is_row_pair(context, source, target):
        return _coerce_row(context, expression, target, how)
    plain = base_type(context, target) if source == RECORD else target
    if plain != target and is_row_pair(context, source, plain):
        row = _coerce_row(context, expression, plain, how)
        return row and Relabel(type=context.type(target), argument=row, offset=row.offset)
    path = find_pathway(context, source, target, how)
    if path is None:
        return None
    return _apply_pathway(context, expression, target, path, how, modifier)


def _coerce_unknown(
    context: BindContext, expression: Expression, target: Oid, modifier: int
) -> Expression:
    """Rule 2; a column of a subquery that is still unknown is read from its text."""
    if isinstance(expression, Parameter):
        return type_parameter(context, expression, target)
    if isinstance(expression, Constant):
        return _typed_literal(context, expression, target, modifier)
    return CastText(type=context.type(target), argument=expression, offset=expression.offset)


def _apply_pathway(
    context: BindContext,
    expression: Expression,
    target: Oid,
    path: Pathway,
    how: CastContext,
    modifier: int,
) -> Expression:
    result = context.type(target)
    if path.method == "relabel":
        own = expression.type
        is_collated = own.type.kind == "d" and own.collation != result.collation != 0
        if isinstance(expression, Constant) and target < FIRST_DOMAIN_OID and not is_collated:
            value = of_same_bits(expression.value, expression.type.type, result.type)
            return replace(expression, type=result, value=value)
        return Relabel(type=result, argument=expression, offset=expression.offset)
    if path.function is not None:
        if path.method == "function" and isinstance(expression, Constant):
            widened = _widened(context, expression, target)
            if widened is not None:
                return widened
        make = cast_of_items if path.method == "array" else cast_call
        plain = base_type(context, target)
        call = make(context, expression, plain, path.function, (modifier, how == "e"))
        if call.type.oid == target:
            return call
        return Relabel(type=result, argument=call, offset=expression.offset)
    return CastText(type=result, argument=expression, offset=expression.offset)


_INTEGER_BITS = {21: 15, 23: 31, 20: 63}


def _widened(context: BindContext, constant: Constant, target: Oid) -> Constant | None:
    """A whole number as another number type, where that needs no function."""
    if constant.type.oid not in _INTEGER_BITS or constant.value is None:
        return None
    bits = _INTEGER_BITS.get(target)
    if bits is not None and -(1 << bits) <= constant.value < 1 << bits:
        return Constant(type=context.type(target), value=constant.value, offset=constant.offset)
    if target == NUMERIC:
        value = Decimal(constant.value)
        return Constant(type=context.type(target), value=value, offset=constant.offset)
    return None


def _typed_literal(context: BindContext, literal: Constant, target: Oid, modifier: int) -> Constant:
    result = context.type(target)
    if literal.value is None:
        return Constant(type=result, value=None, offset=literal.offset)
    if target in _STYLE_DEPENDENT:
        context.depends_on_style = True
    applied = modifier if target == INTERVAL else -1
    try:
        if target in LOOKUPS:
            value = registered_oid(context, target, literal.value)
        elif result.type.element_oid in LOOKUPS:
            names = context.type(TEXT_ARRAY).type.parse(
                literal.value, -1, context.environment.style
            )
            element = result.type.element_oid
            items = (each and registered_oid(context, element, each) for each in names.items)
            value = replace(names, element=element, items=tuple(items))
        else:
            # A domain's modifier is applied afterwards, as the kind of cast asks for.
            plain = context.type(base_type(context, target)).type
            value = plain.parse(literal.value, applied, _literal_style(context, target))
    except SqlError as error:
        raise error.at(context.position(literal.offset)) from None
    return Constant(type=result, value=value, offset=literal.offset)


def _literal_style(context: BindContext, target: Oid) -> TextStyle:
    """The style a literal is read in; whether it speaks of the moment, as 'today' does, is remembered."""
    style = context.environment.style
    moment = style.moment
    if target not in _STYLE_DEPENDENT or moment is None:
        return style

    def asked() -> int:
        context.depends_on_moment = True
        return moment()

    return replace(style, moment=asked)


def type_parameter(context: BindContext, parameter: Parameter, target: Oid) -> Parameter:
    """The parameter with its type told by where it stands; 42P08 if another place told another."""
    known = context.parameters.get(parameter.number)
    context.untyped_parameters -= 1
    if known is None or known.oid == UNKNOWN:
        known = context.parameters[parameter.number] = context.type(target)
    elif known.oid != target:
        raise AmbiguousParameter(
            f"inconsistent types deduced for parameter ${parameter.number}",
            detail=f"{type_name(context, known.oid)} versus {type_name(context, target)}",
        ).at(context.position(parameter.offset))
    return replace(parameter, type=known)


def _coerce_row(
    context: BindContext, expression: Expression, target: Oid, how: CastContext
) -> Expression | None:
    result = context.type(target)
    if target == RECORD or not isinstance(expression, RowConstructor):
        return Relabel(type=result, argument=expression, offset=expression.offset)
    columns = row_columns(context, target)
    if len(columns) != len(expression.items):
        detail = "Input has too few columns."
        if len(expression.items) > len(columns):
            detail = "Input has too many columns."
        raise CannotCoerce(
            f"cannot cast type record to {type_name(context, target)}", detail=detail
        ).at(context.position(expression.offset))
    items = []
    for item, (_, oid, modifier) in zip(expression.items, columns, strict=True):
        changed = coerce_to(context, item, oid, modifier, how)
        if changed is None:
            return None
        items.append(changed)
    names = tuple(name for name, _, _ in columns)
    return RowConstructor(type=result, items=tuple(items), names=names, offset=expression.offset)


def apply_modifier(
    context: BindContext, expression: Expression, modifier: int, explicit: bool
) -> Expression:
    """The expression with a type modifier enforced: explicit casts cut, assignments refuse."""
    kind = expression.type
    if modifier < 0 or kind.modifier == modifier or kind.type.coerce is None:
        return expression
    result = context.type(kind.oid, modifier)
    if isinstance(expression, Constant):
        value = expression.value
        if value is not None:
            try:
                value = kind.type.coerce(value, modifier, explicit)
            except SqlError:
                # The row that is refused may never be reached; it is the executor that raises.
                return ApplyModifier(
                    type=result, argument=expression, explicit=explicit, offset=expression.offset
                )
        return Constant(type=result, value=value, offset=expression.offset)
    return ApplyModifier(
        type=result, argument=expression, explicit=explicit, offset=expression.offset
    )


def coerce_to(
    context: BindContext,
    expression: Expression,
    target: Oid,
    modifier: int = -1,
    how: CastContext = "i",
) -> Expression | None:
    """The expression as the target type with its modifier applied; None when there is no way."""
    changed = coerce(context, expression, target, how, modifier)
    if changed is None:
        return None
    if modifier < 0:
        modifier = base_modifier(context, target)
    if modifier < 0 and target in (BPCHAR, VARCHAR) and changed.type.modifier >= 0:
        return changed
    applied = apply_modifier(context, changed, modifier, how == "e")
    if target >= FIRST_DOMAIN_OID and expression.type.oid != target:
        return tested(context, applied, target)
    return applied


def coerce_or_fail(
    context: BindContext, expression: Expression, target: Oid, construct: str
) -> Expression:
    """Coerce implicitly, as an argument of the construct named in the error."""
    changed = coerce(context, expression, target)
    if changed is None:
        source, wanted = type_name(context, expression.type.oid), type_name(context, target)
        raise CannotCoerce(f"{construct} could not convert type {source} to {wanted}").at(
            context.position(expression.offset)
        )
    return changed


def coerce_to_boolean(context: BindContext, expression: Expression, construct: str) -> Expression:
    """The expression as a condition of the clause named."""
    return coerce_specific(context, expression, 16, construct)


def coerce_specific(
    context: BindContext, expression: Expression, target: Oid, construct: str
) -> Expression:
    """Assign the expression to the type that a clause asks for."""
    if expression.type.oid == target:
        return expression
    changed = coerce(context, expression, target, "a")
    if changed is None:
        source, wanted = type_name(context, expression.type.oid), type_name(context, target)
        raise DatatypeMismatch(
            f"argument of {construct} must be type {wanted}, not type {source}"
        ).at(context.position(expression.offset))
    return changed


def settle(context: BindContext, expression: Expression) -> Expression:
    """Make what is still of unknown type text, as the output of a query is."""
    if expression.type.oid != UNKNOWN:
        return expression
    changed = coerce(context, expression, TEXT)
    assert changed is not None
    return changed


def missing_cast(context: BindContext, source: Oid, target: Oid) -> SqlError:
    """The error for a cast that does not exist."""
    return CannotCoerce(
        f"cannot cast type {type_name(context, source)} to {type_name(context, target)}"
    )
