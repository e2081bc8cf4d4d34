"""EXPLAIN and EXPLAIN ANALYZE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.errors import FeatureNotSupported, InvalidParameterValue, SqlSyntaxError
from server.executor.waits import Wait
from server.planner.describe import ExplainOptions, describe_plan
from server.sql import utility_session as tree
from server.sql.utility_tables import CreateTableAs
from server.sql.utility_transactions import DeclareCursor, Execute
from server.statements.prepared import bound_parameters, inner_statement, prepared_named
from server.statements.statement import (
    Description,
    Run,
    StatementContext,
    Utility,
    text_description,
    text_rows,
)

if TYPE_CHECKING:
    from server.sql.utility_statement import Option

FLAGS = ("analyze", "verbose", "costs", "settings", "buffers", "wal", "timing", "summary")


def read_options(options: tuple[Option, ...]) -> dict[str, bool]:
    """What was asked for; raises for what PostgreSQL does not know."""
    chosen: dict[str, bool] = {}
    for option in options:
        if option.name == "format":
            if str(option.value).lower() != "text":
                raise FeatureNotSupported(f"EXPLAIN format {option.value} is not supported")
        elif option.name in FLAGS:
            chosen[option.name] = _flag(option)
        else:
            raise SqlSyntaxError(f'unrecognized EXPLAIN option "{option.name}"')
    return chosen


def _flag(option: Option) -> bool:
    word = "true" if option.value is None else str(option.value).lower()
    if word in ("true", "on", "1"):
        return True
    if word in ("false", "off", "0"):
        return False
    raise SqlSyntaxError(f"{option.name} requires a Boolean value")


def describe_explain(context: StatementContext, statement: tree.Explain) -> Description:
    """One column of text."""
    return text_description("QUERY PLAN")


def explain(context: StatementContext, statement: tree.Explain) -> Run:
    """EXPLAIN [ANALYZE] of a query or data change."""
    chosen = read_options(statement.options)
    analyze = chosen.get("analyze", False)
    if chosen.get("timing") and not analyze:
        raise InvalidParameterValue("EXPLAIN option TIMING requires ANALYZE")
    inner: Any = statement.statement
    parameters: tuple[Any, ...] = context.parameters
    clock = context.session.clock
    started = clock.monotonic_ns()
    if isinstance(inner, Execute):
        prepared = prepared_named(context, inner.name)
        assert prepared.statement is not None
        planned = yield from context.plan(prepared.statement, prepared.parameter_types)
        parameters = bound_parameters(context, inner, planned)
    else:
        inner = inner_statement(context, _explained(statement))
        planned = yield from context.plan(inner, context.parameter_types)
    planning_ms = (clock.monotonic_ns() - started) / 1e6
    options = ExplainOptions(
        analyze=analyze,
        verbose=chosen.get("verbose", False),
        costs=chosen.get("costs", True),
        timing=chosen.get("timing", analyze),
    )
    if not analyze:
        lines = describe_plan(planned, options, None)
        if chosen.get("summary", False):
            lines.append(f"Planning Time: {planning_ms:.3f} ms")
        yield text_rows(lines)
        return "EXPLAIN"
    running = context.execution(parameters)
    running.instruments = {}
    started = clock.monotonic_ns()
    for item in context.run(planned, running):
        if isinstance(item, Wait):
            yield item
    execution_ms = (clock.monotonic_ns() - started) / 1e6
    lines = describe_plan(planned, options, running.instruments)
    if chosen.get("summary", True):
        lines.append(f"Planning Time: {planning_ms:.3f} ms")
        lines.append(f"Execution Time: {execution_ms:.3f} ms")
    yield text_rows(lines)
    return "EXPLAIN"


def _explained(statement: tree.Explain) -> Any:
    inner: Any = statement.statement
    return inner.query if isinstance(inner, CreateTableAs | DeclareCursor) else inner


UTILITIES = (
    Utility(
        node=tree.Explain, run=explain, describe=describe_explain, writes=False, query=_explained
    ),
)
