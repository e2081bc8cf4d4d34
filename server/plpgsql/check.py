"""What is wrong with a body when its function is made: syntax, types, RETURN that does not fit.

Relations and columns that SQL names are looked for when it is first reached, as they may not be there yet.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from server.errors import DatatypeMismatch, InvalidFunctionDefinition, SqlError, SqlSyntaxError
from server.oids import INT4, RECORD, TRIGGER, VOID
from server.planner.environment import BindContext
from server.planner.polymorphic import is_polymorphic
from server.plpgsql import tree
from server.plpgsql.embedded import check_syntax
from server.plpgsql.reader import PART
from server.plpgsql.types import variable_types
from server.sql.parse import EXPRESSION_LEAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.catalog.routine_objects import UserFunction
    from server.planner.environment import PlanningEnvironment
    from server.types.type import TypeReference

EVENT_TRIGGER = 3838


def check_function(
    environment: PlanningEnvironment, function: UserFunction, body: tree.Function
) -> None:
    """Raise for a body that cannot be right."""
    context = BindContext(environment, base_offset=-1, role=environment.user)
    _check_signature(context, function)
    for statement in statements_of(body.block):
        _check_return(function, statement)
    _check_sources(body, function.body)
    given = [context.type(INT4 if is_polymorphic(oid) else oid) for oid in function.arguments]
    types = variable_types(context, body, given)
    for statement in statements_of(body.block):
        if isinstance(statement, tree.Diagnostics):
            _check_targets(body, statement, types)


def _check_sources(body: tree.Function, text: str) -> None:
    """Raise for a text of SQL that is none, at its place in the body's text."""
    for source, is_expression in sources_of(body):
        try:
            check_syntax(source, is_expression=is_expression)
        except SqlError as error:
            _place(error, source, text, is_expression=is_expression)
            raise


def _place(error: SqlError, source: tree.Source, body: str, *, is_expression: bool) -> None:
    """Make the position of an error in an embedded text one in the body, where that has the text once."""
    within = error.position - (len(EXPRESSION_LEAD) if is_expression else 0)
    is_placed = within > 0 and body.count(source.text) == 1
    error.position = body.index(source.text) + within if is_placed else 0


def _check_targets(
    body: tree.Function, statement: tree.Diagnostics, types: Sequence[TypeReference | None]
) -> None:
    """What GET DIAGNOSTICS gives goes to variables of one value each."""
    for target, _ in statement.items:
        kind = types[target.slot]
        if target.part is None and (kind is None or kind.type.kind == "c"):
            name = body.variables[target.slot].name
            raise SqlSyntaxError(f'"{name}" is not a scalar variable')


def check_block(body: tree.Function, text: str) -> None:
    """Raise for a body of DO that cannot be right; positions are in its text."""
    for statement in statements_of(body.block):
        if isinstance(statement, tree.Return) and statement.value is not None:
            raise DatatypeMismatch("RETURN cannot have a parameter in function returning void")
        if isinstance(statement, tree.ReturnNext):
            raise DatatypeMismatch("cannot use RETURN NEXT in a non-SETOF function")
        if isinstance(statement, tree.ReturnQuery):
            raise DatatypeMismatch("cannot use RETURN QUERY in a non-SETOF function")
    _check_sources(body, text)


def _check_signature(context: BindContext, function: UserFunction) -> None:
    result = context.type(function.result).type
    allowed = (VOID, RECORD, TRIGGER, EVENT_TRIGGER)
    if (
        result.kind == "p"
        and function.result not in allowed
        and not is_polymorphic(function.result)
    ):
        raise InvalidFunctionDefinition(f"PL/pgSQL functions cannot return type {result.sql_name}")
    if function.result in (TRIGGER, EVENT_TRIGGER) and function.arguments:
        raise InvalidFunctionDefinition(
            "trigger functions cannot have declared arguments",
            hint="The arguments of the trigger can be accessed through TG_NARGS and TG_ARGV instead.",
        )
    for oid in function.arguments:
        kind = context.type(oid).type
        if kind.kind == "p" and oid != RECORD and not is_polymorphic(oid):
            raise InvalidFunctionDefinition(
                f"PL/pgSQL functions cannot accept type {kind.sql_name}"
            )


def _check_return(function: UserFunction, statement: Any) -> None:
    if isinstance(statement, tree.Return):
        _check_plain_return(function, statement)
    elif isinstance(statement, tree.ReturnNext):
        if not function.returns_set:
            raise DatatypeMismatch("cannot use RETURN NEXT in a non-SETOF function")
        has_outputs = bool(function.having_mode("obt"))
        if has_outputs and statement.value is not None:
            raise DatatypeMismatch(
                "RETURN NEXT cannot have a parameter in function with OUT parameters"
            )
        if not has_outputs and statement.value is None:
            raise SqlSyntaxError('missing expression at or near ";"')
    elif isinstance(statement, tree.ReturnQuery) and not function.returns_set:
        raise DatatypeMismatch("cannot use RETURN QUERY in a non-SETOF function")


def _check_plain_return(function: UserFunction, statement: tree.Return) -> None:
    given = statement.value is not None
    if function.returns_set:
        if given:
            raise DatatypeMismatch(
                "RETURN cannot have a parameter in function returning set",
                hint="Use RETURN NEXT or RETURN QUERY.",
            )
        return
    if function.result in (VOID, EVENT_TRIGGER) or (
        function.kind == "p" and not function.having_mode("obt")
    ):
        if given:
            where = "a procedure" if function.kind == "p" else "function returning void"
            raise DatatypeMismatch(f"RETURN cannot have a parameter in {where}")
    elif function.having_mode("obt"):
        if given:
            raise DatatypeMismatch("RETURN cannot have a parameter in function with OUT parameters")
    elif not given:
        raise SqlSyntaxError('missing expression at or near ";"')


def statements_of(node: Any) -> Iterator[tree.Statement]:
    """A statement and all that stand in it."""
    if isinstance(node, tree.Statement):
        yield node
    for part in parts_of(node):
        yield from statements_of(part)


def parts_of(node: Any) -> Iterator[Any]:
    """The statements, handlers and branches directly below a node."""
    if isinstance(node, tuple):
        for each in node:
            if isinstance(each, tuple | tree.Statement | tree.Handler):
                yield each
    elif isinstance(node, tree.Statement | tree.Handler):
        for each in fields(node):
            value = getattr(node, each.name)
            if isinstance(value, tuple):
                yield value


def sources_of(body: tree.Function) -> Iterator[tuple[tree.Source, bool]]:
    """Every text of SQL, and whether it is an expression."""
    whole: set[int] = set()
    for statement in statements_of(body.block):
        if isinstance(statement, tree.Sql | tree.Perform | tree.Call):
            whole.add(id(statement.query))
        rows = getattr(statement, "rows", None)
        if isinstance(rows, tree.Rows):
            whole.update(id(each) for each in (rows.query, rows.cursor_arguments) if each)
        arguments = getattr(statement, "arguments", None)
        if isinstance(arguments, tree.Source):
            whole.add(id(arguments))
    for variable in body.variables:
        if variable.cursor is not None:
            whole.add(id(variable.cursor.query))
    for source in body.sources:
        yield source, id(source) not in whole and not _is_part(source)


def _is_part(source: tree.Source) -> bool:
    head, tail = PART.split("{}")
    return source.text.startswith(head) and source.text.endswith(tail)
