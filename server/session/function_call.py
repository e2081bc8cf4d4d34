"""FunctionCall, the fast path of libpq: a function by its OID, as libpq's lo_open and its kin call it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from protocol import messages
from server.catalog.objects import PG_CATALOG_OID
from server.catalog.qualified import qualified
from server.errors import (
    FeatureNotSupported,
    InFailedSqlTransaction,
    ProtocolViolation,
    UndefinedFunction,
)
from server.executor.waits import Wait
from server.session.block import ABORTED
from server.session.execution import context, plan_allowed, portal_rows
from server.session.parameters import read_parameter
from server.session.results import check_formats, first_value

if TYPE_CHECKING:
    from server.functions.function import Function
    from server.session.session import Session

Steps = Generator[Any, Any, None]


def function_call(session: Session, message: messages.FunctionCall) -> Steps:
    """Call it as SELECT function(arguments) does, and send its value alone."""
    session.begin_statement("<fastpath function call>")
    if session.transaction.is_failed:
        raise InFailedSqlTransaction(ABORTED)
    session.transaction.start_statement()
    function = _function(session, message)
    types = function.arguments
    catalog = session.transaction.catalog
    formats = _formats(message, len(types))
    values = tuple(
        None if data is None else read_parameter(catalog.type(oid), data, code, session.style)
        for data, code, oid in zip(message.arguments, formats, types, strict=True)
    )
    listed = ", ".join(f"${number}" for number in range(1, len(types) + 1))
    schema = PG_CATALOG_OID if function.definition is None else function.definition.schema
    text = f"SELECT {qualified(catalog, schema, function.name)}({listed})"
    (statement,) = session.database.plans.statements(text)
    planned = yield from plan_allowed(session, statement, types)
    result: bytes | None = None
    for item in portal_rows(session, planned, context(session, values), is_whole=True):
        if isinstance(item, Wait):
            yield item
            continue
        result = first_value(
            item.columns[0], planned.types[0].type, message.result_format == 1, session.style
        )
    yield messages.FunctionCallResponse(result)


def _function(session: Session, message: messages.FunctionCall) -> Function:
    oid = message.function_oid
    try:
        found = session.transaction.catalog.function(oid)
    except KeyError:
        raise UndefinedFunction(f"function with OID {oid} does not exist") from None
    if found.returns_set:
        raise FeatureNotSupported(
            f'function "{found.name}" cannot be called via fastpath interface'
        )
    if len(message.arguments) != len(found.arguments):
        raise ProtocolViolation(
            f"function call message contains {len(message.arguments)} arguments "
            f"but function requires {len(found.arguments)}"
        )
    return found


def _formats(message: messages.FunctionCall, count: int) -> tuple[int, ...]:
    given = message.argument_formats
    if len(given) > 1 and len(given) != count:
        raise ProtocolViolation(
            f"function call message contains {len(given)} argument formats but {count} arguments"
        )
    formats = given if len(given) == count else (given[0] if given else 0,) * count
    check_formats((*formats, message.result_format))
    return formats
