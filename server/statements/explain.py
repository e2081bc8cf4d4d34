"""EXPLAIN and EXPLAIN ANALYZE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue, SqlSyntaxError
from server.executor.waits import Wait
from server.planner.describe import ExplainOptions, describe_plan
from server.planner.explain_formats import (
    FORMATS,
    buffers_document,
    milliseconds,
    statement_document,
)
from server.sql import utility_session as tree
from server.sql.utility_tables import CreateTableAs
from server.sql.utility_transactions import DeclareCursor
from server.statements.names import claim_relation
from server.statements.statement import (
    Description,
    Run,
    StatementContext,
    Utility,
    text_description,
    text_rows,
)
from server.statements.views import make_table, planned_query
from server.types.registry import TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Generator

    from server.executor.context import ExecutionContext
    from server.planner.describe import Instruments
    from server.planner.planned import PlannedStatement
    from server.sql.utility_statement import Option

FLAGS: Final = ("analyze", "verbose", "costs", "settings", "buffers", "wal", "timing", "summary")
TYPES: Final = {"json": 114, "xml": 142}
"""The type of the column, where it is not text."""

EXPLAINED_CATEGORY: Final = "Query Tuning"
EXPLAINED_SETTINGS: Final = frozenset(
    ("effective_io_concurrency", "hash_mem_multiplier", "search_path", "temp_buffers", "work_mem")
)
"""Settings that plans depend on: those of the category, and these."""


@dataclass(slots=True)
class Chosen:
    """The options as written."""

    flags: dict[str, bool] = field(default_factory=dict)
    format: str = "text"

    def has(self, name: str, otherwise: bool = False) -> bool:
        """Whether an option is on."""
        return self.flags.get(name, otherwise)


def read_options(options: tuple[Option, ...]) -> Chosen:
    """What was asked for; raises for what PostgreSQL does not know, or not together."""
    chosen = Chosen()
    for option in options:
        if option.name == "format":
            chosen.format = str(option.value).lower()
            if chosen.format != "text" and chosen.format not in FORMATS:
                raise InvalidParameterValue(
                    f'unrecognized value for EXPLAIN option "format": "{option.value}"'
                )
        elif option.name in FLAGS:
            chosen.flags[option.name] = _flag(option)
        else:
            raise SqlSyntaxError(f'unrecognized EXPLAIN option "{option.name}"')
    for name in ("wal", "timing"):
        if chosen.has(name) and not chosen.has("analyze"):
            raise InvalidParameterValue(f"EXPLAIN option {name.upper()} requires ANALYZE")
    return chosen


def _flag(option: Option) -> bool:
    word = "true" if option.value is None else str(option.value).lower()
    if word in ("true", "on", "1"):
        return True
    if word in ("false", "off", "0"):
        return False
    raise SqlSyntaxError(f"{option.name} requires a Boolean value")


def describe_explain(context: StatementContext, statement: tree.Explain) -> Description:
    """One column, of a type that suits the format."""
    oid = TYPES.get(read_options(statement.options).format)
    if oid is None:
        return text_description("QUERY PLAN")
    return Description(("QUERY PLAN",), (TypeReference(TYPE_BY_OID[oid]),))


def explain(context: StatementContext, statement: tree.Explain) -> Run:
    """EXPLAIN [ANALYZE] of a query or data change; ANALYZE of one that makes a table makes it."""
    chosen = read_options(statement.options)
    made: Any = statement.statement
    claimed = None
    if isinstance(made, CreateTableAs):
        claimed = yield from claim_relation(context, made)
        if claimed is None:
            yield text_rows([])
            return "EXPLAIN"
    clock = context.session.clock
    started = clock.monotonic_ns()
    planned, parameters = yield from planned_query(context, _explained(statement))
    told = Told(context, chosen, clock.monotonic_ns() - started)
    if chosen.has("analyze"):
        running = context.execution(parameters)
        running.instruments = {}
        started = clock.monotonic_ns()
        if claimed is not None:
            yield from make_table(context, made, claimed, planned, running)
        else:
            yield from _run(context, planned, running)
        told.execution_ns = clock.monotonic_ns() - started
        told.instruments = running.instruments
    yield text_rows(told.rows(planned))
    return "EXPLAIN"


def _run(
    context: StatementContext, planned: PlannedStatement, running: ExecutionContext
) -> Generator[Wait, None, None]:
    """Run a plan for what can be measured of it."""
    for item in context.run(planned, running):
        if isinstance(item, Wait):
            yield item


class Told:
    """What EXPLAIN tells, once all is measured."""

    def __init__(self, context: StatementContext, chosen: Chosen, planning_ns: int) -> None:
        self._context = context
        self._chosen = chosen
        self._planning_ns = planning_ns
        self.execution_ns = 0
        self.instruments: Instruments | None = None
        analyze = chosen.has("analyze")
        self._summary = chosen.has("summary", analyze)
        self._options = ExplainOptions(
            analyze=analyze,
            verbose=chosen.has("verbose"),
            costs=chosen.has("costs", True),
            timing=chosen.has("timing", analyze),
            buffers=chosen.has("buffers"),
            wal=chosen.has("wal"),
            schema_name=self._schema_name,
        )

    def _schema_name(self, oid: int) -> str:
        if oid == self._context.session.temporary_schema:
            return "pg_temp"
        found = self._context.catalog.object(oid)
        return "" if found is None else found.name

    def rows(self, planned: PlannedStatement) -> list[str]:
        """The rows to show: lines of text, or one document of all statements that rules have made of it."""
        statements = (*planned.before, planned, *planned.after)
        write = FORMATS.get(self._chosen.format)
        if write is not None:
            return [write([self._document(each) for each in statements])]
        lines: list[str] = []
        for each in statements:
            lines += [
                *([""] if lines else ()),
                *describe_plan(each, self._options, self.instruments),
            ]
        return lines + self._lines_below()

    def _settings(self) -> dict[str, str]:
        """The settings that plans depend on and that somebody has changed."""
        if not self._chosen.has("settings"):
            return {}
        settings = self._context.session.settings
        return {
            setting.name: settings.show(setting.name)
            for setting, assigned in settings.all()
            if assigned.source != "default"
            and assigned.value != setting.default
            and (
                setting.name in EXPLAINED_SETTINGS
                or setting.category.startswith(EXPLAINED_CATEGORY)
            )
        }

    def _lines_below(self) -> list[str]:
        lines = []
        settings = self._settings()
        if settings:
            shown = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
            lines.append(f"Settings: {shown}")
        if self._summary:
            lines.append(f"Planning Time: {milliseconds(self._planning_ns)} ms")
        if self._summary and self._options.analyze:
            lines.append(f"Execution Time: {milliseconds(self.execution_ns)} ms")
        return lines

    def _document(self, planned: PlannedStatement) -> dict[str, Any]:
        found = statement_document(planned, self._options, self.instruments)
        if self._chosen.has("settings"):
            found["Settings"] = self._settings()
        if self._options.buffers:
            found["Planning"] = buffers_document()
        if self._summary:
            found["Planning Time"] = milliseconds(self._planning_ns)
        if self._options.analyze:
            found["Triggers"] = []
        if self._summary and self._options.analyze:
            found["Execution Time"] = milliseconds(self.execution_ns)
        return found


def _explained(statement: tree.Explain) -> Any:
    inner: Any = statement.statement
    return inner.query if isinstance(inner, CreateTableAs | DeclareCursor) else inner


UTILITIES = (
    Utility(
        node=tree.Explain, run=explain, describe=describe_explain, writes=False, query=_explained
    ),
)
