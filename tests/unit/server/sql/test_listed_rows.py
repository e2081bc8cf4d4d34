"""Lists of rows in FROM: which texts have one, and what it is."""

import pytest

from server.sql import listed_rows, native, row_lists
from server.sql.listed_rows import listed_rows_of

ROWS = ", ".join(["(1, 'x')"] * 8)
LISTS = (
    "(SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))"
    ' AS "*VALUES*" (column1, column2))'
)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(listed_rows, "ROWS_MIN", 8)


@pytest.fixture(params=[row_lists.scan_rows, native.scan_rows], ids=["original", "compiled"])
def found(request):
    return lambda text: listed_rows_of(text, request.param)


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("update t set a = v.b from ", " as v (a, b) where t.a = v.a"),
        ("SELECT * FROM u, ", " v"),
        ('select "it\'s" from u join ', " v on true for"),
        ("with w as (select 1) insert into t select * FROM\n", " v order by 1 returning 'x'"),
        ("merge into t using ", " v on false when not matched then insert values (5)"),
        ("delete from t using ", " v where v.column1 = t.a"),
        ("select * from (select * from ", " w) v"),
    ],
)
def test_a_list_is_an_array_a_column(found, head, tail):
    for opening in ("(values ", "( VALUES\n"):
        made = found(f"{head}{opening}{ROWS}\n){tail}")
        assert made.text == f"{head}{LISTS}{tail}"
        assert made.kinds == "is"
        assert made.columns == ([b"1"] * 8, [b"x"] * 8)


@pytest.mark.parametrize(
    "text",
    [
        f"select * from t where (a, b) in (values {ROWS})",
        f"select array(values {ROWS}) from t ",
        f"select * from (values {ROWS} order by 1) v",
        f"select * from (values {ROWS}, (default, 1)) v",
        f"select * from (values {ROWS}, (1)) v",
        f"select * from (values {ROWS}, ('1', 'x')) v",
        f"select * from (values {ROWS}) v where column1 = $1",
        f"select * from t, (values {ROWS}) v for update of v",
        f"select * from (values {ROWS}) v FOR NO KEY UPDATE",
        f"select 'x' from (values {ROWS}) v",
        f"select 1 -- one\n from (values {ROWS}) v",
        f"select xfrom (values {ROWS}) v",
        f"explain select * from (values {ROWS}) v",
        f"create view w as select * from (values {ROWS}) v",
        "select * from (values (1, 'x'), (2, 'y'), (3, 'z'), (4, 'a'), (5, 'b')) v",
        f"select * from (values {ROWS}",
        f"select 1; select * from (values {ROWS}) v",
    ],
)
def test_texts_without(found, text):
    assert found(text) is None
