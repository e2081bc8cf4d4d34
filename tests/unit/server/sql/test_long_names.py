"""Names that are cut."""

from server.identifiers import IDENTIFIER_BYTES_MAX
from server.sql.long_names import TEXT_CHARACTERS_MAX, cut_names

LONG = "n" * (IDENTIFIER_BYTES_MAX + 1)
LEFT = LONG[:-1]


def test_names_are_told_as_often_as_they_are_said():
    assert cut_names(f"select {LONG.upper()} + {LONG}") == [(LONG, LEFT)] * 2


def test_quoted_names_keep_their_case():
    assert cut_names(f'select "A""{LONG}"') == [(f'A"{LONG}', f'A"{LEFT[:-2]}')]


def test_what_is_cut_at_a_character():
    name = "é" * 32
    assert cut_names(f"select {name}, {name[:31]}") == [(name, name[:31])]


def test_strings_comments_and_numbers_are_no_names():
    assert cut_names(f"select '{LONG}', $${LONG}$$, {'1' * 70} -- {LONG}") == []


def test_names_that_fit():
    assert cut_names(f'select {LEFT}, "{LEFT}"') == []


def test_long_texts_are_not_looked_through():
    assert cut_names(f"select {LONG} -- {' ' * TEXT_CHARACTERS_MAX}") == []
