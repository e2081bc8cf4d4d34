"""Whose rights a session has: who logged in, who SET SESSION AUTHORIZATION made of him, and SET ROLE.

Rule 1: both are settings, so that they end with the transaction or savepoint they were made in.
Rule 2: a role is known by its OID from the moment it was set; renaming it changes nothing, and when
        it has been dropped the session goes on with the rights of nobody.
Rule 3: every change of a setting passes `guard`, whichever statement, function or clause asks for it.
Rule 4: what the server evaluates for a table's or a view's owner, it evaluates with his rights, as a
        restricted operation: nothing that it sets, makes or queues may take effect afterwards, when
        the rights are those of somebody else again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from server.catalog.objects import READ_ALL_STATS_OID
from server.catalog.privileges import (
    READ_ALL_SETTINGS_OID,
    has_privileges_of,
    is_member,
    is_superuser,
)
from server.errors import InsufficientPrivilege, InvalidParameterValue
from server.settings import RIGHTS_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Role
    from server.session.session import Session
    from server.settings import Setting

ROLE, AUTHORIZATION, SUPERUSER = "role", "session_authorization", "is_superuser"
NO_ROLE = "none"
GUARDED_CONTEXTS: Final = frozenset(("superuser", "superuser-backend"))
RESTRICTED_COMMANDS: Final = frozenset(
    ("CLOSE", "PREPARE", "DEALLOCATE", "LISTEN", "UNLISTEN", "DISCARD")
)
"""What changes the session itself, by the first word of the command's tag."""


class Rights:
    """The current user and the session user, worked out again whenever a setting changed."""

    __slots__ = (
        "_oids", "_session", "_session_oid",
        "borrowed_oid", "is_restricted", "is_within_definer", "own_oid", "version",
    )  # fmt: skip

    def __init__(self, session: Session, oid: int) -> None:
        self._session = session
        self._oids: dict[str, int] = {}
        self.own_oid = self._session_oid = oid
        self.version = -1  # of the settings that own_oid follows from
        self.borrowed_oid = 0  # whose rights count instead of the user's, for the time being
        self.is_within_definer = self.is_restricted = False
        session.settings.guard = self.guard
        session.settings.sees_everything = self._sees_all_settings

    @property
    def current_oid(self) -> int:
        """The role whose privileges count."""
        if self.borrowed_oid:
            return self.borrowed_oid
        if self.version != self._session.settings.version:
            self._read()
        return self.own_oid

    @property
    def session_oid(self) -> int:
        """The session user."""
        if self.version != self._session.settings.version:
            self._read()
        return self._session_oid

    def read_all_statistics(self) -> bool:
        """Whether the current user sees what others do."""
        view = self._session.transaction.catalog
        return is_superuser(view, self.current_oid) or is_member(
            view, self.current_oid, READ_ALL_STATS_OID
        )

    def _read(self) -> None:
        settings = self._session.settings
        self.version = settings.version
        login = self._session.identity
        name, role = settings.text(AUTHORIZATION), settings.text(ROLE)
        self._session_oid = login.user_oid if name == login.user else self._oid_of(name)
        self.own_oid = self._session_oid if role == NO_ROLE else self._oid_of(role)

    def _oid_of(self, name: str) -> int:
        if name not in self._oids:
            role = self._session.transaction.catalog.role_named(name)
            self._oids[name] = 0 if role is None else role.oid
        return self._oids[name]

    @contextmanager
    def lent(self, role_oid: int, *, restricted: bool = False) -> Iterator[None]:
        """Have a role's rights while something of its runs; what that sets is undone if restricted."""
        settings = self._session.settings
        before = self.borrowed_oid, self.is_within_definer, self.is_restricted
        depth = settings.depth
        if restricted:
            settings.begin()
        self.borrowed_oid = role_oid
        self.is_within_definer |= not restricted
        self.is_restricted |= restricted
        try:
            yield
        finally:
            self.borrowed_oid, self.is_within_definer, self.is_restricted = before
            if restricted and settings.depth > depth:
                settings.rollback()

    def refuse_restricted(self, what: str) -> None:
        """Raise inside a restricted operation."""
        if self.is_restricted:
            raise InsufficientPrivilege(f"cannot {what} within security-restricted operation")

    def refuse_command(self, tag: str) -> None:
        """Raise for a command that a restricted operation must not run."""
        word = tag.split(maxsplit=1)[0]
        if word in RESTRICTED_COMMANDS:
            self.refuse_restricted(f"execute {word}")

    def guard(self, setting: Setting, text: str | None) -> None:
        """Raise if the current user may not give a setting this value; None is its default."""
        if setting.name in RIGHTS_SETTINGS:
            self._refuse_within(setting.name)
            check = self._check_role if setting.name == ROLE else self._check_authorization
            check(text)
        elif setting.context in GUARDED_CONTEXTS and not self._is_superuser():
            raise InsufficientPrivilege(f'permission denied to set parameter "{setting.name}"')

    def _sees_all_settings(self) -> bool:
        view = self._session.transaction.catalog
        return has_privileges_of(view, self.current_oid, READ_ALL_SETTINGS_OID)

    def _is_superuser(self) -> bool:
        return is_superuser(self._session.transaction.catalog, self.current_oid)

    def _refuse_within(self, name: str) -> None:
        """Rights that are lent are not the function's to change: it would keep some of them."""
        if self.is_within_definer:
            raise InsufficientPrivilege(
                f'cannot set parameter "{name}" within security-definer function'
            )
        self.refuse_restricted(f'set parameter "{name}"')

    def _check_role(self, name: str | None) -> None:
        if name is None or name == NO_ROLE:
            return
        role = self._named(name)
        if not is_member(self._session.transaction.catalog, self.session_oid, role.oid):
            raise InsufficientPrivilege(f'permission denied to set role "{name}"')
        self._oids[name] = role.oid

    def _check_authorization(self, name: str | None) -> None:
        login = self._session.identity
        if name is None or name == login.user:
            return
        role = self._named(name)
        if not is_superuser(self._session.transaction.catalog, login.user_oid):
            raise InsufficientPrivilege(f'permission denied to set session authorization "{name}"')
        self._oids[name] = role.oid

    def set_role(self, name: str | None, *, local: bool) -> None:
        """SET ROLE; None is RESET ROLE."""
        self._session.settings.set(ROLE, name, local=local)
        self.renew_superuser()

    def set_authorization(self, name: str | None, *, local: bool) -> None:
        """SET SESSION AUTHORIZATION; None is DEFAULT. It ends SET ROLE."""
        self._session.settings.set(AUTHORIZATION, name, local=local)
        self._session.settings.set(ROLE, NO_ROLE, local=local)
        self.renew_superuser()

    def set_value(self, name: str, text: str | None, *, local: bool) -> None:
        """Change any setting, be it one that rights follow from."""
        special = {ROLE: self.set_role, AUTHORIZATION: self.set_authorization}
        change = special.get(name.lower())
        if change is not None:
            change(text, local=local)
        else:
            self._session.settings.set(name, text, local=local)

    def _named(self, name: str) -> Role:
        role = self._session.transaction.catalog.role_named(name)
        if role is None:
            raise InvalidParameterValue(f'role "{name}" does not exist')
        return role

    def renew_superuser(self) -> None:
        """Bring is_superuser up to date, and have the client told."""
        settings = self._session.settings
        value = self._is_superuser()
        if settings[SUPERUSER] != value:
            settings.set_internal(SUPERUSER, value)
            settings.changed.add(SUPERUSER)
