"""Words for moments, by the start of the transaction and the zone of the session."""

import pytest

from server.errors import SqlError
from server.types.calendar import US_PER_DAY, days_of
from server.types.registry import TYPE_BY_NAME
from server.types.type import TextStyle
from server.types.zones import fixed_zone, zone_named

# 2024-06-15 22:30:00.5 UTC: in Berlin it is tomorrow already.
NOW = days_of(2024, 6, 15) * US_PER_DAY + (22 * 60 + 30) * 60_000_000 + 500_000
BERLIN = TextStyle(now_us=NOW, time_zone="Europe/Berlin")
UTC = TextStyle(now_us=NOW)


@pytest.mark.parametrize(
    ("type_name", "text", "style", "expected"),
    [
        ("date", "today", UTC, "2024-06-15"),
        ("date", "today", BERLIN, "2024-06-16"),
        ("date", "tomorrow", UTC, "2024-06-16"),
        ("date", "yesterday", UTC, "2024-06-14"),
        ("timestamp", "now", UTC, "2024-06-15 22:30:00.5"),
        ("timestamp", "now", BERLIN, "2024-06-16 00:30:00.5"),
        ("timestamptz", "now", BERLIN, "2024-06-16 00:30:00.5+02"),
        ("timestamptz", "today", BERLIN, "2024-06-16 00:00:00+02"),
        ("timestamp", "today 04:05", UTC, "2024-06-15 04:05:00"),
        ("timestamptz", "tomorrow allballs", UTC, "2024-06-16 00:00:00+00"),
        ("time", "now", BERLIN, "00:30:00.5"),
        ("timetz", "now", BERLIN, "00:30:00.5+02"),
        ("timetz", "04:05", BERLIN, "04:05:00+02"),
    ],
)
def test_moments(type_name, text, style, expected):
    type_ = TYPE_BY_NAME[type_name]
    assert type_.format(type_.parse(text, -1, style), style) == expected


@pytest.mark.parametrize("text", ["today", "tomorrow", "epoch"])
def test_a_time_has_no_day(text):
    with pytest.raises(SqlError) as caught:
        TYPE_BY_NAME["time"].parse(text, -1, UTC)
    assert caught.value.sqlstate == "22007"


def test_years_beyond_the_tables_follow_the_rules_of_the_zone():
    style = TextStyle(time_zone="America/New_York")
    type_ = TYPE_BY_NAME["timestamptz"]
    for text in ("20240-07-01 00:00:00-04", "20240-01-01 00:00:00-05", "294276-07-01 00:00:00-04"):
        assert type_.format(type_.parse(text, -1, style), style) == text


@pytest.mark.parametrize(
    ("name", "january", "july", "abbreviation"),
    [
        ("europe/berlin", 3600, 7200, "CEST"),
        ("UTC", 0, 0, "UTC"),
        ("EST5EDT", -18000, -14400, "EDT"),
        ("XYZ5", -18000, -18000, "XYZ"),
        ("ABC-1DEF", 3600, 7200, "DEF"),
        ("<+03>-3", 10800, 10800, "+03"),
        ("ABC-1DEF,M3.5.0,M10.5.0/3", 3600, 7200, "DEF"),
    ],
)
def test_zones_by_name_and_rule(name, january, july, abbreviation):
    zone = zone_named(name)
    assert zone is not None
    winter, summer = (days_of(2024, month, 1) * US_PER_DAY for month in (1, 7))
    assert zone.at(winter).seconds_east == zone.at_local(winter).seconds_east == january
    assert zone.at(summer).seconds_east == july
    assert zone.at(summer).abbreviation == abbreviation


@pytest.mark.parametrize("name", ["", "nowhere", "Europe/Nowhere", "EST5EDT,nonsense", "XYZ999"])
def test_what_is_no_zone(name):
    assert zone_named(name) is None


def test_zones_of_set_time_zone():
    assert fixed_zone(7200).name == "<+02>-02"
    assert fixed_zone(-12600).at(0).abbreviation == "-03:30"
