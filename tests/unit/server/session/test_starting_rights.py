"""What a session may not start with: the rights of others, or settings that only superusers change."""

import pytest

from server.errors import SqlError
from server.session.login import session_settings


@pytest.fixture
def made(database, client):
    """The settings that a role with no rights of its own starts with, for start-up parameters."""
    client.rows("create role modest login")
    client.rows("create role joined role modest")

    def make(**parameters):
        return session_settings(
            database, database.role("modest"), database.database("postgres"), parameters
        )

    return make


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-c role=postgres", 'permission denied to set role "postgres"'),
        ("--role=nobody", 'role "nobody" does not exist'),
        (
            "-c session_authorization=postgres",
            'permission denied to set session authorization "postgres"',
        ),
        ("-c log_statement=all", 'permission denied to set parameter "log_statement"'),
    ],
)
def test_options_of_a_client(made, options, message):
    with pytest.raises(SqlError, match=message):
        made(options=options)


def test_a_parameter_of_its_own(made):
    with pytest.raises(SqlError, match='permission denied to set role "postgres"'):
        made(role="postgres")


def test_a_role_that_it_is_in(made):
    assert made(options="-c role=joined")["role"] == "joined"


def test_what_is_kept_with_the_role_is_left_out(made, client):
    client.rows("alter role modest set role = postgres")
    client.rows("alter role modest set work_mem = '1MB'")
    assert made()["role"] == "none"
    assert made()["work_mem"] == 1024


def test_settings_of_a_role_in_a_database(made, client):
    client.rows("alter role all set work_mem = '1MB'")
    assert made()["work_mem"] == 1024
    client.rows("alter database postgres set work_mem = '2MB'")
    assert made()["work_mem"] == 2048
    client.rows("alter role modest set work_mem = '3MB'")
    assert made()["work_mem"] == 3072
    client.rows("alter role modest in database postgres set work_mem = '4MB'")
    assert made()["work_mem"] == 4096
    client.rows("alter role modest in database postgres reset all")
    assert made()["work_mem"] == 3072
