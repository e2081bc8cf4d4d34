"""The options of VACUUM and ANALYZE, and which of them do not go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported, SqlSyntaxError
from server.statements.option_values import boolean_option, option_word

if TYPE_CHECKING:
    from server.sql import utility_session as tree
    from server.sql.utility_statement import Option
    from server.statements.statement import StatementContext

WORKERS_MAX: Final = 1024
ANALYZE_OPTIONS: Final = ("verbose", "skip_locked")
SWITCHES: Final = (
    *("verbose", "analyze", "full", "freeze", "disable_page_skipping", "skip_locked"),
    *("process_toast", "truncate"),
)


@dataclass(frozen=True, slots=True)
class VacuumOptions:
    """What was asked for, of what means anything here."""

    verbose: bool
    analyze: bool
    full: bool
    waits: bool  # for locks


def vacuum_options(context: StatementContext, statement: tree.Vacuum) -> VacuumOptions:
    """Read the options; raises SqlError for what is unknown, and for what cannot be together."""
    given: dict[str, bool] = {}
    workers = -1
    for option in statement.options:
        if statement.analyze_only and option.name not in ANALYZE_OPTIONS:
            raise _unknown(context, statement, option)
        if option.name in SWITCHES:
            given[option.name] = boolean_option(option)
        elif option.name == "parallel":
            workers = _workers(context, option)
        elif option.name == "index_cleanup":
            if option.value is None or option_word(option).lower() != "auto":
                boolean_option(option)
        else:
            raise _unknown(context, statement, option)
    _refuse_conflicts(statement, given, workers)
    return VacuumOptions(
        verbose=given.get("verbose", False),
        analyze=statement.analyze_only or given.get("analyze", False),
        full=given.get("full", False),
        waits=not given.get("skip_locked", False),
    )


def _refuse_conflicts(statement: tree.Vacuum, given: dict[str, bool], workers: int) -> None:
    if given.get("full", False):
        if workers > 0:
            raise FeatureNotSupported("VACUUM FULL cannot be performed in parallel")
        if given.get("disable_page_skipping", False):
            raise FeatureNotSupported(
                "VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL"
            )
        if not given.get("process_toast", True):
            raise FeatureNotSupported("PROCESS_TOAST required with VACUUM FULL")
    analyzes = statement.analyze_only or given.get("analyze", False)
    if not analyzes and any(item.columns for item in statement.targets):
        raise FeatureNotSupported("ANALYZE option must be specified when a column list is provided")


def _unknown(context: StatementContext, statement: tree.Vacuum, option: Option) -> SqlSyntaxError:
    return SqlSyntaxError(
        f'unrecognized {statement.tag} option "{option.name}"',
        position=context.position(option.offset),
    )


def _workers(context: StatementContext, option: Option) -> int:
    position = context.position(option.offset)
    if option.value is None:
        raise SqlSyntaxError(
            f"parallel option requires a value between 0 and {WORKERS_MAX}", position=position
        )
    if isinstance(option.value, bool) or not isinstance(option.value, int):
        raise SqlSyntaxError("parallel requires an integer value")
    if not 0 <= option.value <= WORKERS_MAX:
        raise SqlSyntaxError(
            f"parallel workers for vacuum must be between 0 and {WORKERS_MAX}", position=position
        )
    return option.value
