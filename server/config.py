"""Every setting: its name, type, default, bounds, when it may change; the values every session starts with.

Names, units and contexts are PostgreSQL's. Values are kept in their canonical form: bool, int in the
setting's base unit, float, or str; `show` gives the text that SHOW prints. A value comes from the last
of: default, rustydb.toml, environment, command line, ALTER ROLE/DATABASE, the client's start-up packet,
SET, SET LOCAL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import FeatureNotSupported, InvalidName, InvalidParameterValue, UndefinedObject
from server.identifiers import split_identifiers
from server.settings import REPORTED, SETTINGS, Setting, SettingValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


BY_NAME: Mapping[str, Setting] = {setting.name.lower(): setting for setting in SETTINGS}
REPORTED_SETTINGS = tuple(BY_NAME[name.lower()] for name in REPORTED)
PERSONAL = frozenset(("application_name", "is_superuser", "role", "session_authorization"))
"""Settings that tell who the client is."""

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")

_UNITS: Mapping[str, Mapping[str, float]] = {
    "B": {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4},
    "kB": {"B": 1 / 1024, "kB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3},
    "8kB": {"B": 1 / 8192, "kB": 1 / 8, "MB": 128, "GB": 128 * 1024, "TB": 128 * 1024**2},
    "MB": {"B": 1 / 1024**2, "kB": 1 / 1024, "MB": 1, "GB": 1024, "TB": 1024**2},
    "ms": {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000},
    "s": {"us": 1e-6, "ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400},
    "min": {"ms": 1 / 60_000, "s": 1 / 60, "min": 1, "h": 60, "d": 1440},
}
_NUMBER = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|0[xX][0-9a-fA-F]+))\s*([A-Za-z]*)\s*$"
)


_CUSTOM_NAME = re.compile(
    r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*(?:\.[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)+"
)
_PLPGSQL_NAMES = frozenset(
    f"plpgsql.{name}"
    for name in (
        "check_asserts",
        "extra_errors",
        "extra_warnings",
        "print_strict_params",
        "variable_conflict",
    )
)


def setting_named(name: str) -> Setting:
    """Find a setting, case folded; raise UndefinedObject."""
    setting = BY_NAME.get(name.lower())
    if setting is None:
        raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
    return setting


def is_custom(name: str) -> bool:
    """Whether a name can only be one that a client has made up, or that of a module which is not there."""
    return "." in name and name.lower() not in BY_NAME


def check_custom_name(name: str) -> None:
    """Refuse what cannot name a setting that no module defines; raise InvalidName."""
    detail = ""
    if not _CUSTOM_NAME.fullmatch(name):
        detail = "Custom parameter names must be two or more simple identifiers separated by dots."
    elif name.lower().startswith("plpgsql.") and name.lower() not in _PLPGSQL_NAMES:
        detail = '"plpgsql" is a reserved prefix.'
    if detail:
        raise InvalidName(f'invalid configuration parameter name "{name}"', detail=detail)


def parse_value(setting: Setting, text: str) -> SettingValue:
    """Read a value as SET does; raise InvalidParameterValue with PostgreSQL's wording."""
    value = _PARSERS[setting.kind](setting, text)
    if setting.unsupported is not None and setting.unsupported[0] == value:
        raise FeatureNotSupported(setting.unsupported[1])
    return value


def show(setting: Setting, value: SettingValue) -> str:
    """The text SHOW prints: the largest unit that divides the number."""
    if setting.kind == "bool":
        return "on" if value else "off"
    if setting.kind in ("integer", "real") and isinstance(value, int | float):
        return _with_unit(setting, value)
    return str(value)


def _with_unit(setting: Setting, value: float) -> str:
    number = f"{value:g}" if setting.kind == "real" else str(int(value))
    if not setting.unit or value <= 0:
        return number
    units = _UNITS[setting.unit]
    for unit, factor in sorted(units.items(), key=lambda pair: -pair[1]):
        count = round(value / factor)
        if count >= 1 and abs(count * factor / value - 1) <= 1e-8:
            return f"{count}{unit}"
    return number + setting.unit


def _parse_bool(setting: Setting, text: str) -> SettingValue:
    word = text.strip().lower()
    if word:
        for words, value in ((_TRUE, True), (_FALSE, False)):
            if any(
                full == word
                or (len(word) >= (2 if full in ("on", "off") else 1) and full.startswith(word))
                for full in words
            ):
                return value
    raise InvalidParameterValue(f'parameter "{setting.name}" requires a Boolean value')


def _parse_number(setting: Setting, text: str) -> SettingValue:
    match = _NUMBER.match(text)
    if match is None:
        raise _invalid(setting, text)
    digits, unit = match.groups()
    value = float(int(digits, 16)) if digits.lower().startswith("0x") else float(digits)
    if unit:
        factors = _UNITS.get(setting.unit, {})
        if unit not in factors:
            hint = (
                "Valid units for this parameter are "
                + ", ".join(f'"{name}"' for name in factors)
                + "."
            )
            raise InvalidParameterValue(
                f'invalid value for parameter "{setting.name}": "{text}"',
                hint=hint if factors else "",
            )
        value *= factors[unit]
    number: int | float = round(value) if setting.kind == "integer" else value
    if not setting.minimum <= number <= setting.maximum:
        unit_text = f" {setting.unit}" if setting.unit else ""
        low, high = _plain(setting.minimum), _plain(setting.maximum)
        raise InvalidParameterValue(
            f"{_plain(number)}{unit_text} is outside the valid range for parameter "
            f'"{setting.name}" ({low} .. {high})'
        )
    return number


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _parse_enum(setting: Setting, text: str) -> SettingValue:
    word = text.strip().lower()
    for option in (*setting.options, *setting.hidden_options):
        if option.lower() == word:
            return setting.hidden_options.get(option, option)
    raise _invalid(setting, text, hint="Available values: " + ", ".join(setting.options) + ".")


def _parse_string(setting: Setting, text: str) -> SettingValue:
    if setting.name in CHECKED_LISTS and split_identifiers(text) is None:
        raise _invalid(setting, text, detail="List syntax is invalid.")
    return setting.check(text) if setting.check is not None else text


CHECKED_LISTS = ("search_path", "temp_tablespaces")
"""Lists of names that are refused at once when they are not written as such."""


def _invalid(
    setting: Setting, text: str, hint: str = "", detail: str = ""
) -> InvalidParameterValue:
    return InvalidParameterValue(
        f'invalid value for parameter "{setting.name}": "{text}"', detail=detail, hint=hint
    )


_PARSERS: Mapping[str, Callable[[Setting, str], SettingValue]] = {
    "bool": _parse_bool,
    "integer": _parse_number,
    "real": _parse_number,
    "enum": _parse_enum,
    "string": _parse_string,
}


@dataclass(frozen=True, slots=True)
class Assigned:
    """A value and where it came from, as pg_settings.source names it."""

    value: SettingValue
    source: str


class ServerSettings:
    """The values every session starts with."""

    def __init__(self, values: Mapping[str, tuple[str, str]] | None = None) -> None:
        """Values are pairs of text and source by name; raises SqlError for a bad one."""
        self._values: dict[str, Assigned] = {}
        self.version = 0  # of the values
        self._reported: tuple[str, ...] | None = None
        for name, (text, source) in (values or {}).items():
            self.assign(name, text, source)

    def assign(self, name: str, text: str, source: str) -> None:
        """Set a value from configuration, before any session sees it or at a reload."""
        setting = setting_named(name)
        self._values[setting.name] = Assigned(parse_value(setting, text), source)
        self.version += 1
        self._reported = None

    def reported(self) -> tuple[str, ...]:
        """The texts of the settings that clients are told at their start."""
        if self._reported is None:
            self._reported = tuple(
                show(item, self.assigned(item).value) for item in REPORTED_SETTINGS
            )
        return self._reported

    def assigned(self, setting: Setting) -> Assigned:
        """The value in force and its source."""
        return self._values.get(setting.name) or Assigned(setting.default, "default")

    def __getitem__(self, name: str) -> SettingValue:
        return self.assigned(setting_named(name)).value

    def integer(self, name: str) -> int:
        """The value of an integer setting."""
        value = self[name]
        assert isinstance(value, int), name
        return value

    def text(self, name: str) -> str:
        """The value of a string or enum setting."""
        return str(self[name])
