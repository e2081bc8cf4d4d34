"""Whose rights a session has: who logged in, who SET SESSION AUTHORIZATION made of him, and SET ROLE.

Rule 1: both are settings, so that they end with the transaction or savepoint they were made in.
Rule 2: a role is known by its OID from the moment it was set; renaming it changes nothing, and when
        it has been dropped the session goes on with the rights of nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.catalog.privileges import is_member, is_superuser
from server.errors import InsufficientPrivilege, InvalidParameterValue

if TYPE_CHECKING:
    from server.catalog.objects import Role
    from server.session.session import Session

ROLE, AUTHORIZATION, SUPERUSER = "role", "session_authorization", "is_superuser"
NO_ROLE = "none"
READ_ALL_STATISTICS_OID = 3375  # pg_read_all_stats


class Rights:
    """The current user and the session user, worked out again whenever a setting changed."""

    __slots__ = ("_oids", "_session", "_session_oid", "borrowed_oid", "own_oid", "version")

    def __init__(self, session: Session, oid: int) -> None:
        self._session = session
        self._oids: dict[str, int] = {}
        self.own_oid = self._session_oid = oid
        self.version = -1  # of the settings that own_oid follows from
        self.borrowed_oid = 0  # the owner of a SECURITY DEFINER function that runs

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
            view, self.current_oid, READ_ALL_STATISTICS_OID
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

    def set_role(self, name: str | None, *, local: bool) -> None:
        """SET ROLE; None is RESET ROLE."""
        if name is not None and name != NO_ROLE:
            role = self._named(name)
            view = self._session.transaction.catalog
            if not is_member(view, self.session_oid, role.oid):
                raise InsufficientPrivilege(f'permission denied to set role "{name}"')
            self._oids[name] = role.oid
        self._session.settings.set(ROLE, name, local=local)
        self.renew_superuser()

    def set_authorization(self, name: str | None, *, local: bool) -> None:
        """SET SESSION AUTHORIZATION; None is DEFAULT. It ends SET ROLE."""
        login = self._session.identity
        if name is not None and name != login.user:
            role = self._named(name)
            if not is_superuser(self._session.transaction.catalog, login.user_oid):
                raise InsufficientPrivilege("permission denied to set session authorization")
            self._oids[name] = role.oid
        self._session.settings.set(AUTHORIZATION, name, local=local)
        self._session.settings.set(ROLE, NO_ROLE, local=local)
        self.renew_superuser()

    def _named(self, name: str) -> Role:
        role = self._session.transaction.catalog.role_named(name)
        if role is None:
            raise InvalidParameterValue(f'role "{name}" does not exist')
        return role

    def renew_superuser(self) -> None:
        """Bring is_superuser up to date, and have the client told."""
        settings = self._session.settings
        value = is_superuser(self._session.transaction.catalog, self.current_oid)
        if settings[SUPERUSER] != value:
            settings.set_internal(SUPERUSER, value)
            settings.changed.add(SUPERUSER)
