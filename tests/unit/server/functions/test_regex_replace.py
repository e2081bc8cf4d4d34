"""regexp_replace over columns: what each row gives, whatever is constant, long or shared."""

import numpy as np
import pytest

from server.errors import SqlError
from server.expressions.invoke import column_call
from server.functions.function import CallContext
from server.functions.regex import FUNCTIONS
from server.functions.regex_search import SHORT_TEXT
from server.types.registry import TYPES
from server.types.type import PLAIN_STYLE, TypeReference
from server.vector.column import Column
from server.vector.rows import column_of, constant_column, values_of
from server.vector.texts import coded_texts, text_column

OBJECT = np.dtype(object)
TEXT = TypeReference(TYPES[25])
SITE = r"^https?://(?:www\.)?([^/]+)/.*$"
TEXTS = ["https://www.a.org/x", "http://b/", "", "none", "https://c/" + "y" * SHORT_TEXT, None]
SITES = ["a.org", "b", "", "none", "c", None]
REPLACE = {len(each.arguments): each for each in FUNCTIONS if each.oid in (2284, 2285)}


def _replaced(texts, *others):
    call = column_call(REPLACE[1 + len(others)])
    context = CallContext(PLAIN_STYLE, TEXT, (TEXT,) * (1 + len(others)))
    columns = [texts, *(constant_column(other, OBJECT, len(texts)) for other in others)]
    return values_of(call(context, columns, len(texts)))


@pytest.mark.parametrize("form", [lambda column: column, text_column], ids=["objects", "views"])
@pytest.mark.parametrize("times", [1, 30])
def test_every_row_is_replaced_in_every_form(form, times):
    texts = form(column_of(TEXTS * times, OBJECT))
    assert _replaced(texts, SITE, r"\1") == SITES * times


@pytest.mark.parametrize(
    ("new", "result"),
    [
        ("-", "x-.-z"),
        (r"[\1|\2|\&|\\|\7]", r"x[b||b|\|].[b||b|\|]z"),
        ("", "x.z"),
        ("\\", "x\\.\\z"),
    ],
)
def test_new_text_refers_to_groups(new, result):
    assert _replaced(column_of(["xb.bz", None], OBJECT), "(b)(c)?", new, "g") == [result, None]


def test_expressions_may_differ_from_row_to_row():
    call, context = column_call(REPLACE[3]), CallContext(PLAIN_STYLE, TEXT, (TEXT,) * 3)
    columns = [column_of(values, OBJECT) for values in (["ab", "ab"], ["a", "b"], ["-", "+"])]
    assert values_of(call(context, columns, 2)) == ["-b", "a+"]


def test_an_expression_that_no_text_asks_for_is_not_read():
    assert _replaced(text_column(column_of([None, None], OBJECT)), "(", "") == [None, None]
    with pytest.raises(SqlError):
        _replaced(column_of(["a", None], OBJECT), "(", "")


@pytest.mark.parametrize("count", [0, 1, 65_535, 65_536, 65_537])
def test_shared_texts_get_codes(count):
    texts = [None if n % 7 == 3 else f"text {n % 100}" for n in range(count)]
    column = coded_texts(text_column(column_of(texts, OBJECT)))
    if count < 2:
        assert column is None
    else:
        assert isinstance(column, Column)
        assert column.dictionary is not None
        assert len(column.dictionary) <= 100
        assert values_of(column) == texts


def test_texts_of_their_own_get_none():
    assert coded_texts(text_column(column_of([f"text {n}" for n in range(5000)], OBJECT))) is None
