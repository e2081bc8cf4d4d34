"""The version of a session's settings: what was kept for values is found again when these come back."""

import pytest

from server.config import ServerSettings
from server.session_settings import SessionSettings


@pytest.fixture
def settings():
    return SessionSettings(ServerSettings())


def transaction(settings, *values):
    """The version that some values make, each local, and that at the end."""
    settings.begin()
    for name, text in values:
        settings.set(name, text, local=True)
    inside = settings.version
    settings.commit()
    return inside, settings.version


def test_local_values_and_those_behind_them_have_a_version_each(settings):
    before = settings.version
    first = transaction(settings, ("work_mem", "8MB"))
    assert first[0] != before
    assert first[1] == before
    assert transaction(settings, ("work_mem", "8MB")) == first
    other = transaction(settings, ("work_mem", "9MB"))
    assert other[0] not in (first[0], before)
    assert transaction(settings, ("work_mem", "8MB"), ("lock_timeout", "7")) not in (first, other)
    assert settings.version == before


def test_what_is_set_for_good_has_a_version_of_its_own(settings):
    before = transaction(settings, ("work_mem", "8MB"))
    settings.begin()
    settings.set("work_mem", "8MB", local=True)
    settings.set("lock_timeout", "7")
    settings.commit()
    assert settings.version not in before
    assert settings.integer("lock_timeout") == 7
    assert transaction(settings, ("work_mem", "8MB"))[0] not in before


def test_a_roll_back_is_no_way_to_an_older_version_with_other_values(settings):
    before = settings.version
    settings.begin()
    settings.set("work_mem", "8MB", local=True)
    settings.begin()
    settings.set("lock_timeout", "7")
    settings.rollback()
    inside = settings.version
    settings.commit()
    assert inside != before
    assert settings.integer("lock_timeout") == 0


def test_names_that_clients_have_made_up_change_no_version(settings):
    before = settings.version
    assert transaction(settings, ("app.user", "a")) == (before, before)
    assert not settings.changed
