"""The conditions of PL/pgSQL, and errors of any condition that RAISE makes."""

from __future__ import annotations

from server.errors import SqlError


class NoData(SqlError, sqlstate="02000"):
    """no_data."""


class StackedDiagnosticsAccessedWithoutActiveHandler(SqlError, sqlstate="0Z002"):
    """stacked_diagnostics_accessed_without_active_handler."""


class CaseNotFound(SqlError, sqlstate="20000"):
    """case_not_found."""


class ErrorInAssignment(SqlError, sqlstate="22005"):
    """error_in_assignment."""


class FunctionExecutedNoReturnStatement(SqlError, sqlstate="2F005"):
    """function_executed_no_return_statement."""


class RaiseException(SqlError, sqlstate="P0001"):
    """raise_exception."""


class NoDataFound(SqlError, sqlstate="P0002"):
    """no_data_found."""


class TooManyRows(SqlError, sqlstate="P0003"):
    """too_many_rows."""


class AssertFailure(SqlError, sqlstate="P0004"):
    """assert_failure."""


class Raised(RaiseException):
    """An error of the condition that RAISE names."""

    def __init__(self, message: str, sqlstate: str) -> None:
        """Make an error without detail; the fields may be set afterwards."""
        super().__init__(message)
        self.sqlstate = sqlstate  # type: ignore[misc]  # of this one, not of its class


def no_return() -> FunctionExecutedNoReturnStatement:
    """The error of a function whose end is reached."""
    return FunctionExecutedNoReturnStatement("control reached end of function without RETURN")
