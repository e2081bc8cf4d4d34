"""Assignments to parts of columns: SET c.field = ..., SET a[1] = ..., INSERT INTO t (c.field, a[1:2]).

The new value of the column is an expression over the old one, of as many stores as there are steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import DatatypeMismatch, FeatureNotSupported, UndefinedColumn
from server.expressions.expression import (
    Call,
    DefaultValue,
    ElementStore,
    Expression,
    FieldSelect,
    FieldStore,
    Relabel,
    Subscript,
)
from server.oids import JSONB, TEXT
from server.planner.bind_collection import bind_bounds, bind_json_subscripts, bind_text_subscript
from server.planner.coerce import coerce_to
from server.planner.environment import BindContext, raise_at
from server.planner.type_facts import base_type, row_columns, type_name
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from server.errors import SqlError
    from server.planner.scope import Scope


def stored_part(
    context: BindContext,
    scope: Scope,
    container: Expression,
    target: exp.Expression,
    value: Expression,
) -> Expression:
    """The new value of a column whose old value is `container`, of the column's type."""
    steps = target.args["indirection"]
    if isinstance(value, DefaultValue):
        part = "a subfield" if isinstance(steps[-1], nodes.FieldName) else "an array element"
        raise raise_at(context, target, FeatureNotSupported(f"cannot set {part} to DEFAULT"))
    return _Storer(context, scope, target).stored(container, steps, value)


def _untested(container: Expression) -> Expression | None:
    """What another part has been stored in, before it was tested for the domain: the whole is tested at last."""
    while isinstance(container, Call | Relabel):
        inner = container.arguments[0] if isinstance(container, Call) else container.argument
        if isinstance(inner, FieldStore | ElementStore):
            return inner
        container = inner
    return None


class _Storer:
    """Makes the stores of one assignment."""

    def __init__(self, context: BindContext, scope: Scope, target: exp.Expression) -> None:
        self._context = context
        self._scope = scope
        self._target = target
        self._name = target.args["name"]

    def stored(
        self, container: Expression, steps: Sequence[exp.Expression], value: Expression
    ) -> Expression:
        """The container with the value in the part that the steps lead to."""
        context = self._context
        plain = base_type(context, container.type.oid)
        inner = container
        if plain != container.type.oid:
            stored = _untested(container)
            inner = stored or Relabel(type=context.type(plain), argument=container)
        if isinstance(steps[0], nodes.FieldName):
            changed = self._field(inner, steps, value)
        else:
            changed = self._element(inner, steps, value)
        if plain == container.type.oid:
            return changed
        tested = coerce_to(context, changed, container.type.oid, -1, "a")
        assert tested is not None, container.type
        return tested

    def _field(
        self, row: Expression, steps: Sequence[exp.Expression], value: Expression
    ) -> Expression:
        context, field = self._context, steps[0].args["name"]
        shown = type_name(context, row.type.oid)
        if context.type(row.type.oid).type.kind != "c":
            raise self._at(
                DatatypeMismatch(
                    f'cannot assign to field "{field}" of column "{self._name}" because its type '
                    f"{shown} is not a composite type"
                )
            )
        columns = row_columns(context, row.type.oid)
        names = [name for name, _, _ in columns]
        if field not in names:
            raise self._at(
                UndefinedColumn(
                    f'cannot assign to field "{field}" of column "{self._name}" because there is '
                    f"no such column in data type {shown}"
                )
            )
        number = names.index(field)
        _, oid, modifier = columns[number]
        kinds = tuple(context.type(each, its) for _, each, its in columns)
        old = FieldSelect(type=kinds[number], argument=row, field=number)
        if len(steps) > 1:
            changed: Expression | None = self.stored(old, steps[1:], value)
        else:
            changed = coerce_to(context, value, oid, modifier, "a")
        if changed is None:
            raise self._mismatch("subfield", f'"{field}" is of', oid, value)
        return FieldStore(
            type=row.type,
            argument=row,
            field=number,
            value=changed,
            names=tuple(names),
            types=kinds,
        )

    def _element(
        self, array: Expression, steps: Sequence[exp.Expression], value: Expression
    ) -> Expression:
        context, kind = self._context, array.type.type
        if kind.oid == JSONB:
            return self._member(array, steps, value)
        if kind.subscripting is not None:
            return self._part(array, steps, value)
        if not kind.element_oid or kind.category not in "AG":
            raise self._at(
                DatatypeMismatch(
                    f"cannot subscript type {type_name(context, kind.oid)} because it does not "
                    "support subscripting"
                )
            )
        count = next(
            (n for n, step in enumerate(steps) if isinstance(step, nodes.FieldName)), len(steps)
        )
        bounds, is_slice = bind_bounds(context, self._scope, steps[:count])
        wanted = kind.oid if is_slice else kind.element_oid
        if count < len(steps):
            old = Subscript(
                type=context.type(wanted), argument=array, bounds=bounds, is_slice=is_slice
            )
            changed: Expression | None = self.stored(old, steps[count:], value)
        else:
            changed = coerce_to(context, value, wanted, array.type.modifier, "a")
        if changed is None:
            raise self._mismatch(
                "subscripted assignment to", f'"{self._name}" requires', wanted, value
            )
        return ElementStore(
            type=array.type, argument=array, bounds=bounds, is_slice=is_slice, value=changed
        )

    def _part(
        self, container: Expression, steps: Sequence[exp.Expression], value: Expression
    ) -> Expression:
        key = bind_text_subscript(self._context, self._scope, container.type.oid, steps)
        changed = coerce_to(self._context, value, TEXT, -1, "a")
        if changed is None:
            raise self._mismatch(
                "subscripted assignment to", f'"{self._name}" requires', TEXT, value
            )
        return ElementStore(
            type=container.type,
            argument=container,
            bounds=((key, None),),
            is_slice=False,
            value=changed,
        )

    def _member(
        self, container: Expression, steps: Sequence[exp.Expression], value: Expression
    ) -> Expression:
        context = self._context
        for step in steps:
            if isinstance(step, nodes.FieldName):
                raise self._at(
                    DatatypeMismatch(
                        f'cannot assign to field "{step.args["name"]}" of column "{self._name}" '
                        "because its type jsonb is not a composite type"
                    )
                )
        subscripts = bind_json_subscripts(context, self._scope, steps)
        changed = coerce_to(context, value, JSONB, -1, "a")
        if changed is None:
            raise self._mismatch(
                "subscripted assignment to", f'"{self._name}" requires', JSONB, value
            )
        return ElementStore(
            type=container.type,
            argument=container,
            bounds=tuple((subscript, None) for subscript in subscripts),
            is_slice=False,
            value=changed,
        )

    def _mismatch(self, what: str, verb: str, wanted: int, value: Expression) -> Exception:
        needed = type_name(self._context, wanted)
        given = type_name(self._context, value.type.oid)
        return self._at(
            DatatypeMismatch(
                f"{what} {verb} type {needed} but expression is of type {given}",
                hint="You will need to rewrite or cast the expression.",
            )
        )

    def _at(self, error: SqlError) -> SqlError:
        return raise_at(self._context, self._target, error)
