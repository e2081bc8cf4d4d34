"""What Parse and Bind may say of parameters, forms of values and portals, in the order that it is looked at."""

import pytest

from protocol import messages
from protocol.messages import Bind, Describe, Execute, Parse, Sync


def series(sql, *, types=(), bound=(), executions=1):
    """A statement by the extended protocol, with fields of its Bind."""
    return [
        Parse("", sql, types),
        Bind("", "", **dict(bound)),
        *(Execute("") for _ in range(executions)),
        Sync(),
    ]


def told(client, *given):
    """The error that some messages end in."""
    errors = [each for each in client.send(*given) if isinstance(each, messages.ErrorResponse)]
    assert len(errors) == 1
    return errors[0].fields.sqlstate, errors[0].fields.message


@pytest.mark.parametrize("sql", ["begin", "prepare q as select $1", "", "select 1"])
def test_parameters_count_that_a_client_declares_and_nothing_uses(client, sql):
    replies = client.send(Parse("", sql, (23,)), Describe("S", ""), Sync())
    assert messages.ParameterDescription((23,)) in replies
    state, message = told(client, *series(sql, types=(23,)))
    assert state == "08P01"
    assert message == 'bind message supplies 0 parameters, but prepared statement "" requires 1'


def test_values_of_them_are_read(client):
    bad = series("begin", types=(23,), bound={"parameters": (b"x",)})
    assert told(client, *bad) == ("22P02", 'invalid input syntax for type integer: "x"')
    good = series("begin", types=(23,), bound={"parameters": (b"1",)})
    assert messages.CommandComplete("BEGIN") in client.send(*good)


@pytest.mark.parametrize("sql", ["begin", "select 1"])
def test_a_declared_parameter_has_a_type(client, sql):
    error = ("42P18", "could not determine data type of parameter $1")
    assert told(client, Parse("", sql, (0,)), Sync()) == error


def test_a_type_that_there_is_not(client):
    error = ("XX000", "cache lookup failed for type 999999")
    assert told(client, Parse("", "select $1", (999999,)), Sync()) == error


UNKNOWN_FORM = ("22023", "unsupported format code: 2")


@pytest.mark.parametrize("value", [b"1", None])
def test_values_are_text_or_binary(client, value):
    bound = {"parameters": (value,), "parameter_formats": (2,)}
    assert told(client, *series("select $1::int", bound=bound)) == UNKNOWN_FORM


@pytest.mark.parametrize("sql", ["select 1", "show work_mem", "values (1), (2)"])
def test_results_are_text_or_binary_if_there_is_one(client, sql):
    assert told(client, *series(sql, bound={"result_formats": (2,)})) == UNKNOWN_FORM


@pytest.mark.parametrize("sql", ["select 1 where false", "begin", "do 'begin end'"])
def test_what_has_no_rows_has_no_forms(client, sql):
    replies = client.send(*series(sql, bound={"result_formats": (2,)}))
    assert not any(isinstance(each, messages.ErrorResponse) for each in replies)


def test_forms_are_counted_where_there_are_columns(client):
    client.rows("create table t (a int)")
    for sql in ("select 1", "explain select 1", "show work_mem"):
        error = ("08P01", "bind message has 2 result formats but query has 1 columns")
        assert told(client, *series(sql, bound={"result_formats": (0, 1)})) == error
    replies = client.send(*series("delete from t", bound={"result_formats": (0, 1)}))
    assert messages.CommandComplete("DELETE 0") in replies


@pytest.mark.parametrize(
    "sql", ["update t set a = 1", "merge into t using t s on false when matched then do nothing"]
)
def test_changes_run_once(client, sql):
    client.rows("create table t (a int)")
    error = ("55000", 'portal "" cannot be run')
    assert told(client, *series(sql, executions=2)) == error


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("close all", ("55000", 'portal "" cannot be run')),
        ("discard all", ("34000", 'portal "" does not exist')),
    ],
)
def test_what_closes_portals_and_its_own(client, sql, error):
    assert told(client, *series(sql, executions=2)) == error


@pytest.mark.parametrize("sql", ["close all", "discard all"])
def test_named_portals_go(client, sql):
    given = [Parse("s", "select 1", ()), Bind("p", "s"), *series(sql)[:-1], Execute("p"), Sync()]
    assert told(client, *given) == ("34000", 'portal "p" does not exist')


def test_settings_are_told_behind_the_statements(client):
    replies = client.send(messages.Query("set application_name = 'a'; select 1"))
    kinds = [type(each).__name__ for each in replies]
    assert kinds[-3:] == ["CommandComplete", "ParameterStatus", "ReadyForQuery"]


def test_a_portal_that_went_with_its_block_is_not_one_that_never_was(client):
    client.send(messages.Query("begin"))
    client.send(Parse("", "select 1", ()), Bind("p", ""), Sync())
    client.send(messages.Query("select 1 / 0"))
    assert told(client, Execute("p"), Sync())[0] == "25P02"
    assert told(client, Execute("q"), Sync()) == ("34000", 'portal "q" does not exist')


def test_a_transaction_begins_with_its_statement(client):
    assert client.rows("select now() = statement_timestamp()") == [("t",)]


@pytest.mark.parametrize("query", ["select a, b from t", "update t set a = 1 returning a, b"])
def test_columns_of_a_common_table_are_those_of_its_table(client, query):
    client.rows("create table t (a int, b text)")
    [table] = client.rows("select 't'::regclass::oid")
    described = client.send(messages.Query(f"with x as ({query}) select b, a, 1 from x"))[0]
    origins = [(field.table_oid, field.column_no) for field in described.fields]
    assert origins == [(int(table[0]), 2), (int(table[0]), 1), (0, 0)]


def test_the_end_of_a_failed_block_is_prepared_and_its_portals_described(client):
    client.send(messages.Query("begin"))
    client.send(Parse("", "savepoint a", ()), Bind("s", ""), Sync())
    client.send(Parse("", "select 1", ()), Bind("p", ""), Sync())
    client.send(messages.Query("select 1 / 0"))
    assert messages.NoData() in client.send(Describe("P", "s"), Sync())
    assert told(client, Describe("P", "p"), Sync())[0] == "25P02"
    series_of_end = series("rollback", types=(23,), bound={"parameters": (b"1",)})
    assert messages.CommandComplete("ROLLBACK") in client.send(*series_of_end)


@pytest.mark.parametrize("sql", ["deallocate all", "discard all"])
def test_named_statements_go_and_the_unnamed_one_stays(client, sql):
    client.send(Parse("s", "select 1", ()), *series(sql))
    assert not any(
        isinstance(each, messages.ErrorResponse)
        for each in client.send(Bind("", ""), Execute(""), Sync())
    )
    assert told(client, Bind("", "s"), Sync())[0] == "26000"
