"""SqlError: one class per SQLSTATE."""

import pytest

from server.errors import BY_SQLSTATE, SqlError, UndefinedTable, UniqueViolation


def test_states_are_well_formed_and_known():
    assert all(len(state) == 5 and state.isalnum() for state in BY_SQLSTATE)
    assert BY_SQLSTATE["42P01"] is UndefinedTable
    assert all(known.sqlstate == state for state, known in BY_SQLSTATE.items())


@pytest.mark.parametrize(
    "state",
    ["0A000", "22012", "22P02", "23505", "25P02", "40001", "40P01", "42601", "53100", "57014"],
)
def test_what_clients_look_for_exists(state):
    assert state in BY_SQLSTATE


def test_fields():
    error = UniqueViolation("message", detail="Detail.", constraint="k", table="t", schema="s")
    assert (error.message, str(error), error.detail) == ("message", "message", "Detail.")
    assert (error.constraint, error.table, error.schema, error.column) == ("k", "t", "s", "")


def test_the_first_position_stays():
    assert UndefinedTable("x").at(3).at(5).position == 3


def test_a_refinement_keeps_its_parents_state():
    class Refined(UndefinedTable):
        """A more special condition."""

    assert Refined.sqlstate == "42P01"
    assert BY_SQLSTATE["42P01"] is UndefinedTable


def test_a_state_has_one_class():
    with pytest.raises(AssertionError):

        class Twice(SqlError, sqlstate="42P01"):
            """A second class for a state."""


def test_an_error_needs_a_message():
    with pytest.raises(AssertionError):
        UndefinedTable("")
