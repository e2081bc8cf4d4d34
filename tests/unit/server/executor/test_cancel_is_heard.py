"""A cancel request is told once: what gives the rows before an error, as they may be enough, lets it pass at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from plans import context

from server.errors import DivisionByZero, QueryCanceled, SqlError
from server.executor.filter import Values
from server.executor.morsels import Morsels
from server.executor.operator import Operator
from server.executor.up_to_error import up_to_error

if TYPE_CHECKING:
    from collections.abc import Iterator

LAZY: Any = SimpleNamespace(
    is_lazy=True, is_cursor=False, is_changing=False, check_cancelled=lambda: None
)


class Told:
    """Raises an error the first time, and nothing from then on."""

    def __init__(self, error: SqlError) -> None:
        self.error: SqlError | None = error

    def __call__(self, *_rows: int) -> list[Any]:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return []


@pytest.mark.parametrize("error", [QueryCanceled("canceled"), DivisionByZero("division by zero")])
def test_rows_up_to_an_error(error: SqlError):
    found = up_to_error(0, 8, Told(error), LAZY)
    if error.is_intervention:
        with pytest.raises(QueryCanceled):
            next(found)
    else:
        assert list(found) == [[], []]


class NoRows(Operator):
    """Has no rows when it runs without help."""

    def run(self, context: Any) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize("error", [QueryCanceled("canceled"), DivisionByZero("division by zero")])
def test_rows_that_helpers_find(error: SqlError):
    lazy = context()
    lazy.is_lazy = True
    operator = NoRows.__new__(NoRows)
    found = operator._helped(Morsels((Told(error),)), lazy)
    if error.is_intervention:
        with pytest.raises(QueryCanceled):
            next(found)
    else:
        assert not list(found)


def test_rows_of_values():
    cells: Any = [(Told(QueryCanceled("canceled")),)]
    with pytest.raises(QueryCanceled):
        Values._computed(cells, context())
