"""Orders of ICU, and the types that go by them."""

import pytest

from server.types import icu
from server.types.array import Array
from server.types.collation import CollationRules, collated, under
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference

pytestmark = pytest.mark.skipif(not icu.is_available(), reason="there is no ICU here")
TEXT, BPCHAR, TEXTS = (TYPE_BY_NAME[name] for name in ("text", "bpchar", "_text"))
BLIND = "und-u-ks-level2"


def test_keys_order_as_the_language_does():
    swedish, german = (icu.collator(locale, True).sort_key for locale in ("sv", "de"))
    assert swedish("ö") > swedish("z")
    assert german("o") < german("ö") < german("z")


@pytest.mark.parametrize(("deterministic", "equal"), [(True, False), (False, True)])
def test_only_nondeterministic_orders_call_texts_equal_that_differ(deterministic, equal):
    key = icu.collator(BLIND, deterministic).sort_key
    assert (key("abc") == key("ABC")) is equal
    assert key("abc") < key("abd")


def test_a_text_comes_before_what_it_begins_however_long():
    key = icu.collator("en", True).sort_key
    keys = [key(text) for text in ("", "a", "a\u200b", "aa", "a" * 5000, "b")]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_case_is_that_of_the_language():
    assert icu.upper("hij", "tr") == "HİJ"
    assert icu.lower("HIJ", "tr") == "h\N{LATIN SMALL LETTER DOTLESS I}j"
    assert icu.initial_capitals("hello wORLD", "en") == "Hello World"
    assert icu.upper("ß" * 100, "de") == "SS" * 100  # longer than what there was


def test_a_type_differs_in_its_order_alone():
    order = icu.collator(BLIND, False)
    kind = collated(TEXT, order)
    assert kind.oid == TEXT.oid
    assert kind.sort_key("A") == kind.sort_key("a")
    assert collated(kind, None) is TEXT
    assert collated(TEXT, order) is kind
    assert collated(TYPE_BY_NAME["int4"], order) is TYPE_BY_NAME["int4"]


def test_blanks_at_the_end_and_items_of_arrays():
    order = icu.collator(BLIND, False)
    assert collated(BPCHAR, order).sort_key("A  ") == collated(BPCHAR, order).sort_key("a")
    first, second = (Array(TEXT.oid, ((2, 1),), items) for items in (("a", "B"), ("A", "b")))
    assert collated(TEXTS, order).sort_key(first) == collated(TEXTS, order).sort_key(second)


def test_a_locale_that_cannot_be_is_refused():
    with pytest.raises(Exception, match="U_ILLEGAL_ARGUMENT_ERROR"):
        icu.collator("@colNumeric=lower", True)


def test_collations_of_the_c_library_order_by_bytes():
    reference = under(TypeReference(TEXT), CollationRules(950, "C"))
    assert reference.type is TEXT
    assert reference.collation == 950
