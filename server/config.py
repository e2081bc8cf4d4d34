"""Every setting: its name, type, default, bounds, when it may change; the values of server and session.

Names, units and contexts are PostgreSQL's. Values are kept in their canonical form: bool, int in the
setting's base unit, float, or str; `show` gives the text that SHOW prints. A value comes from the last
of: default, rustydb.toml, environment, command line, ALTER ROLE/DATABASE, the client's start-up packet,
SET, SET LOCAL.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    CantChangeRuntimeParam,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidName,
    InvalidParameterValue,
    UndefinedObject,
)
from server.identifiers import split_identifiers
from server.settings import PRIVATE_SETTINGS, REPORTED, SETTINGS, Setting, SettingValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BY_NAME: Mapping[str, Setting] = {setting.name.lower(): setting for setting in SETTINGS}
_REPORTED = tuple(BY_NAME[name.lower()] for name in REPORTED)
_PERSONAL = frozenset(("application_name", "is_superuser", "role", "session_authorization"))
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
            f'"{setting.name}" ({low}{unit_text} .. {high}{unit_text})'
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
            self._reported = tuple(show(item, self.assigned(item).value) for item in _REPORTED)
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


@dataclass(frozen=True, slots=True)
class Before:
    """What a setting was before a transaction or savepoint changed it.

    is_local: by SET LOCAL, and outside is what it goes back to.
    """

    value: Assigned | None
    is_local: bool
    outside: Assigned | None


Canonical = Callable[[str, str], str]


def _always() -> bool:
    return True


def _allow(setting: Setting, text: str | None) -> None:
    """Whoever has settings without being a session may change all."""


LENT_VERSIONS_MAX: Final = 100


class SessionSettings:
    """The values of one session: transactional, with SET LOCAL undone at the end of the transaction.

    The stack holds one layer a (sub)transaction: what each changed name had before.
    """

    __slots__ = (
        "_canonical", "_custom", "_lent_versions", "_local", "_newest", "_server", "_session_defaults", "_undo",
        "_values", "changed", "guard", "sees_everything", "version",
    )  # fmt: skip

    def __init__(
        self, server: ServerSettings, canonical: Mapping[str, Canonical] | None = None
    ) -> None:
        """canonical: what makes the canonical form of a text out of it and the value in force."""
        self._server = server
        self._canonical = canonical or {}
        self.guard: Callable[[Setting, str | None], None] = _allow
        self.sees_everything: Callable[[], bool] = _always
        self._values: dict[str, Assigned] = {}
        self._session_defaults: dict[str, Assigned] = {}
        self._custom: dict[
            str, str
        ] = {}  # names that clients have made up, and what RESET makes of them
        self._undo: list[dict[str, Before]] = []
        self._local: dict[str, Assigned | None] = {}
        self.version = 0  # of the values: whoever keeps what follows from them compares it
        self._newest = 0
        self._lent_versions: dict[tuple[int, tuple[tuple[str, str], ...]], int] = {}
        self.changed: set[str] = set()  # names whose ParameterStatus is to be sent again

    def __getitem__(self, name: str) -> SettingValue:
        found = self._values.get(name)
        if found is not None:
            return found.value
        return self.assigned(setting_named(name)).value

    def integer(self, name: str) -> int:
        """The value of an integer setting."""
        value = self[name]
        assert isinstance(value, int), name
        return value

    def text(self, name: str) -> str:
        """The value of a string or enum setting."""
        return str(self[name])

    def assigned(self, setting: Setting) -> Assigned:
        """The value in force and its source."""
        found = self._values.get(setting.name) or self._session_defaults.get(setting.name)
        return found or self._server.assigned(setting)

    def show(self, name: str) -> str:
        """The text of SHOW; raise UndefinedObject."""
        custom = name.lower()
        if custom in self._custom:
            found = self._values.get(custom)
            return self._custom[custom] if found is None else str(found.value)
        setting = setting_named(name)
        if setting.name in PRIVATE_SETTINGS and not self.sees_everything():
            raise InsufficientPrivilege(
                "must be superuser or have privileges of pg_read_all_settings to examine "
                f'"{setting.name}"'
            )
        return show(setting, self.assigned(setting).value)

    def reported(self) -> tuple[str, ...]:
        """The texts of the settings that the client is told at its start, when there are no others than those."""
        own = self._session_defaults
        return tuple(
            show(setting, own[setting.name].value) if setting.name in own else text
            for setting, text in zip(_REPORTED, self._server.reported(), strict=True)
        )

    def origin(self) -> tuple[Any, ...]:
        """What the values follow from, without those that only tell who the client is."""
        own = [
            (name, item) for name, item in self._session_defaults.items() if name not in _PERSONAL
        ]
        return (
            id(self._server),
            self._server.version,
            tuple((name, item.value) for name, item in [*own, *self._values.items()]),
        )

    def start(self, name: str, text: str, source: str = "client") -> None:
        """Set what a client's start-up packet or a role asks for: the value RESET goes back to."""
        if is_custom(name):
            check_custom_name(name)
            self._custom[name.lower()] = text
            return
        setting = setting_named(name)
        self._refuse_change(setting, start=True)
        value = parse_value(setting, self._canonical_text(setting, text))
        self._session_defaults[setting.name] = Assigned(value, source)
        self._renew()

    def set(self, name: str, text: str | None, *, local: bool = False) -> None:
        """SET name = text; None is DEFAULT. local: until the end of the transaction."""
        if is_custom(name):
            check_custom_name(name)
            self._custom.setdefault(name.lower(), "")
            value = None if text is None else Assigned(text, "session")
            self._change(name.lower(), value, local=local)
            return
        setting = setting_named(name)
        self._refuse_change(setting)
        self.guard(setting, text)
        value = None
        if text is not None:
            value = Assigned(parse_value(setting, self._canonical_text(setting, text)), "session")
        self._change(setting.name, value, local=local)

    def _change(self, name: str, value: Assigned | None, *, local: bool) -> None:
        """Have a value from now on, until the end of the transaction (local) or until it is undone."""
        old = self._values.get(name)
        for layer in self._undo[-1:]:
            layer.setdefault(name, Before(old, name in self._local, self._local.get(name)))
        if local:
            self._local.setdefault(name, old)
        else:
            self._local.pop(name, None)
        self._replace(name, value)

    def _canonical_text(self, setting: Setting, text: str) -> str:
        canonical = self._canonical.get(setting.name)
        return text if canonical is None else canonical(text, self.text(setting.name))

    def set_internal(self, name: str, value: SettingValue) -> None:
        """Set what only the server itself may: is_superuser and the like."""
        self._session_defaults[name] = Assigned(value, "override")

    def reset_all(self) -> None:
        """RESET ALL."""
        for name in list(self._values):
            if name in self._custom or BY_NAME[name.lower()].resettable:
                self._change(name, None, local=False)

    def refresh(self) -> None:
        """The server's values have changed, and so perhaps the session's."""
        self._renew()

    def begin(self) -> None:
        """A transaction or savepoint starts."""
        self._undo.append({})

    def commit(self) -> None:
        """The innermost layer ends well; at the outermost, SET LOCAL is undone."""
        layer = self._undo.pop() if self._undo else {}
        if self._undo:
            for name, before in layer.items():
                self._undo[-1].setdefault(name, before)
        elif self._local:
            self._end_local()

    def end(self) -> None:
        """The transaction has committed, whatever savepoints it had: SET LOCAL is undone."""
        self._undo.clear()
        if self._local:
            self._end_local()

    @contextmanager
    def lent(self, values: Mapping[str, str]) -> Iterator[None]:
        """Values for the time that a function runs, unless it changes them itself by a plain SET."""
        self.begin()
        before_version = self.version
        lent_version = 0
        try:
            for name, text in values.items():
                self.set(name, text, local=True)
            lent_version = self._know_lent(before_version, values)
            yield
        except BaseException:
            self.rollback()
            raise
        is_same = self.version == lent_version
        changed = self._undo.pop() if self._undo else {}
        lent = {name.lower() for name in values}
        for name, before in changed.items():
            if name.lower() in lent and name in self._local:
                self._restore(name, before)
            elif self._undo:
                self._undo[-1].setdefault(name, before)
        if is_same:
            self.version = before_version

    def _know_lent(self, before: int, values: Mapping[str, str]) -> int:
        """The version of these values over those of a version: the same each time, so that what was kept is found."""
        if len(self._lent_versions) >= LENT_VERSIONS_MAX:
            self._lent_versions.clear()
        key = before, tuple(values.items())
        self.version = self._lent_versions.setdefault(key, self.version)
        return self.version

    def _renew(self) -> None:
        """The values are others than before."""
        self._newest += 1
        self.version = self._newest

    def _restore(self, name: str, before: Before) -> None:
        self._replace(name, before.value)
        self._local.pop(name, None)
        if before.is_local:
            self._local[name] = before.outside

    def rollback(self) -> None:
        """The innermost layer is undone."""
        for name, before in (self._undo.pop() if self._undo else {}).items():
            self._restore(name, before)
        if not self._undo:
            self._end_local()

    @property
    def depth(self) -> int:
        """How many layers are open."""
        return len(self._undo)

    def _end_local(self) -> None:
        for name, old in self._local.items():
            self._replace(name, old)
        self._local.clear()

    def _replace(self, name: str, value: Assigned | None) -> None:
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        if name not in self._custom:  # nothing of the server follows from those
            self._renew()
        self.changed.add(name)

    def all(self) -> Iterator[tuple[Setting, Assigned]]:
        """Every setting that the user may see with its value, by name, for SHOW ALL and pg_settings."""
        hidden = frozenset() if self.sees_everything() else PRIVATE_SETTINGS
        for setting in sorted(SETTINGS, key=lambda item: item.name.lower()):
            if setting.hidden or setting.name in hidden:
                continue
            yield setting, self.assigned(setting)

    @staticmethod
    def _refuse_change(setting: Setting, *, start: bool = False) -> None:
        if setting.context == "internal":
            raise CantChangeRuntimeParam(f'parameter "{setting.name}" cannot be changed')
        if setting.context == "postmaster":
            raise CantChangeRuntimeParam(
                f'parameter "{setting.name}" cannot be changed without restarting the server'
            )
        if setting.context == "sighup":
            raise CantChangeRuntimeParam(f'parameter "{setting.name}" cannot be changed now')
        if setting.context == "backend" and not start:
            raise CantChangeRuntimeParam(
                f'parameter "{setting.name}" cannot be set after connection start'
            )
