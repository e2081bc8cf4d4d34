"""SessionSettings: the values of one session, transactional as the session is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.config import (
    BY_NAME,
    PERSONAL,
    REPORTED_SETTINGS,
    Assigned,
    ServerSettings,
    check_custom_name,
    is_custom,
    parse_value,
    setting_named,
    show,
)
from server.errors import CantChangeRuntimeParam, InsufficientPrivilege
from server.settings import PRIVATE_SETTINGS, SETTINGS, Setting, SettingValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
        "_around_local", "_canonical", "_custom", "_lent_versions", "_local", "_newest", "_server",
        "_session_defaults", "_undo", "_values", "changed", "guard", "sees_everything", "version",
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
        self._around_local: int | None = (
            None  # the version that comes back when what is local is undone
        )
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
            for setting, text in zip(REPORTED_SETTINGS, self._server.reported(), strict=True)
        )

    def origin(self) -> tuple[Any, ...]:
        """What the values follow from, without those that only tell who the client is."""
        own = [
            (name, item) for name, item in self._session_defaults.items() if name not in PERSONAL
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
        if not local:
            self._local.pop(name, None)
            self._around_local = None
            self._replace(name, value)
            return
        if not self._local:
            self._around_local = self.version
        self._local.setdefault(name, old)
        self._replace(name, value)
        if self._around_local is not None and name not in self._custom:
            own = [each for each in self._local if each not in self._custom]
            values = tuple((each, str(self._values.get(each))) for each in own)
            self._know_lent(self._around_local, values)

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
        self._around_local = None
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
            lent_version = self._know_lent(before_version, tuple(values.items()))
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

    def _know_lent(self, before: int, values: tuple[tuple[str, str], ...]) -> int:
        """The version of local values over those of a version: the same each time, so that what was kept is found."""
        if len(self._lent_versions) >= LENT_VERSIONS_MAX:
            self._lent_versions.clear()
        key = before, values
        self.version = self._lent_versions.setdefault(key, self.version)
        return self.version

    def _renew(self) -> None:
        """The values are others than before."""
        self._newest += 1
        self.version = self._newest

    def _restore(self, name: str, before: Before) -> None:
        self._around_local = None
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
        if self._around_local is not None:
            self.version, self._around_local = self._around_local, None

    def _replace(self, name: str, value: Assigned | None) -> None:
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        if name in self._custom:
            return  # nothing of the server follows from those, and no client is told of them
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
