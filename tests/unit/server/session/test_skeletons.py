"""Skeletons of point statements: what one session has prepared, others take over."""

import pytest

from tests.support.conversation import Client

READ = "SELECT name FROM item WHERE id = %d"


@pytest.fixture
def first(client):
    client.run("CREATE TABLE item (id int PRIMARY KEY, name text)")
    client.run("INSERT INTO item VALUES (1, 'one'), (2, 'two')")
    return client


@pytest.fixture
def others(database):
    """Makes further clients, by user."""
    made = []

    def make(user="postgres"):
        made.append(Client(database, pid=10 + len(made), user=user))
        return made[-1]

    yield make
    for each in made:
        each.close()


def prepared(client):
    return [each for each in client.session.skeletons.values() if each is not None]


def test_a_session_takes_over_what_another_has_prepared(first, others):
    assert first.rows(READ % 1) == [("one",)]
    assert not prepared(first)
    second = others()
    assert second.rows(READ % 2) == [("two",)]
    assert prepared(second)  # the second time, whoever asks
    third = others()
    assert third.run(READ % 2) == second.run(READ % 2)
    assert prepared(third)[0].planned is prepared(second)[0].planned


def test_a_plan_is_taken_over_as_long_as_the_catalog_stays(first, others):
    for number in (1, 2):
        first.rows(READ % number)
    before = prepared(first)[0].planned
    first.run("ALTER TABLE item RENAME name TO title")
    second = others()
    assert second.error(READ % 1)[0] == "42703"
    first.run("ALTER TABLE item RENAME title TO name")
    third = others()
    assert third.rows(READ % 1) == [("one",)]
    assert all(each.planned is not before for each in prepared(third))


def test_who_may_not_read_is_refused(first, others):
    first.run("CREATE ROLE guest LOGIN")
    for number in (1, 2):
        first.rows(READ % number)
    assert others("guest").error(READ % 1)[0] == "42501"
    first.run("GRANT SELECT ON item TO guest")
    for number in (1, 2):
        assert others("guest").rows(READ % number)
    first.run("REVOKE SELECT ON item FROM guest")
    assert others("guest").error(READ % 1)[0] == "42501"


def test_names_are_those_of_the_search_path(first, others):
    for number in (1, 2):
        first.rows(READ % number)
    first.run("CREATE SCHEMA own")
    first.run("CREATE TABLE own.item (id int PRIMARY KEY, name int)")
    second = others()
    second.run("SET search_path TO own")
    assert second.rows(READ % 1) == []
    assert others().rows(READ % 1) == [("one",)]
