"""Offsets of many instants at once are those of each."""

import numpy as np
import pytest

from server.functions.zoned_columns import offsets_at, offsets_at_local
from server.types.calendar import US_PER_SECOND
from server.types.zones import Zone, fixed_zone, zone_named

ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/Dublin"]
YEARS_US = 60 * 365 * 86_400 * US_PER_SECOND


def is_right(zone: Zone, us: np.ndarray) -> bool:
    expected = [zone.at(each).seconds_east * US_PER_SECOND for each in us.tolist()]
    local = [zone.at_local(each).seconds_east * US_PER_SECOND for each in us.tolist()]
    return (
        offsets_at(zone, us).tolist() == expected and offsets_at_local(zone, us).tolist() == local
    )


@pytest.mark.parametrize("name", ZONES)
def test_offsets_of_random_instants(name: str):
    zone = zone_named(name)
    assert zone is not None
    assert is_right(zone, np.random.default_rng(1).integers(-YEARS_US, YEARS_US, 300))


@pytest.mark.parametrize("name", ZONES)
def test_offsets_around_each_change_of_a_year(name: str):
    zone = zone_named(name)
    assert zone is not None
    hours = 757_382_400 + np.arange(0, 366 * 24) * 3600  # of 2024
    offsets = offsets_at(zone, hours * US_PER_SECOND)
    changes = np.flatnonzero(np.diff(offsets))
    near = (hours[changes][:, None] + np.arange(-5, 3606, 601)).ravel() * US_PER_SECOND
    assert is_right(zone, near)
    shown = near + offsets_at(zone, near)
    assert is_right(zone, np.concatenate([shown, shown + 1800 * US_PER_SECOND]))


def test_offsets_of_a_fixed_zone_and_of_nothing():
    zone = fixed_zone(-5400, "X")
    assert is_right(zone, np.array([0, 1, -1], np.int64))
    assert len(offsets_at(zone, np.array([], np.int64))) == 0
    assert len(offsets_at(zone_named("Europe/Dublin"), np.array([], np.int64))) == 0
