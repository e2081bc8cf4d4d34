"""The settings that text input and output depend on, as the value the types take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.encodings import encoding_named, is_converted
from server.catalog.names import CatalogNames
from server.types.type import ObjectNames, TextStyle

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.encodings import Encoding
    from server.session.session_facts import SessionFacts
    from server.session_settings import SessionSettings


class SessionNames:
    """Names of catalog objects as a session sees them now.

    All are equal: what they answer depends on catalog and search path, which those who compare styles compare too.
    """

    def __init__(self, session: SessionFacts) -> None:
        self._session = session
        self._names: CatalogNames | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionNames)

    def __hash__(self) -> int:
        return hash(SessionNames)

    def name_of(self, type_name: str, oid: int) -> str | None:
        """Write the object as `type_name` (regclass, ...) does; None where there is none."""
        return self.current().name_of(type_name, oid)

    def oid_of(self, type_name: str, text: str) -> int:
        """Find the object that the text names; raises PostgreSQL's error where there is none."""
        return self.current().oid_of(type_name, text)

    def current(self) -> CatalogNames:
        """The names as they are now."""
        session = self._session
        view, path = session.transaction.catalog, session.basis().search_path
        names = self._names
        if names is None or names.view is not view or names.path != path:
            names = self._names = CatalogNames(
                view, path, session.database_name, session.may_look_into
            )
        return names


def client_encoding(name: str) -> Encoding | None:
    """The encoding of a client that does not speak the server's."""
    found = encoding_named(name)
    return found if found is not None and is_converted(found) else None


def text_style(
    settings: SessionSettings,
    now_us: int = 0,
    names: ObjectNames | None = None,
    moment: Callable[[], int] | None = None,
) -> TextStyle:
    """The style of a session's settings."""
    date_style, _, date_order = settings.text("DateStyle").partition(", ")
    return TextStyle(
        date_style=date_style,
        date_order=date_order,
        interval_style=settings.text("IntervalStyle"),
        time_zone=settings.text("TimeZone"),
        extra_float_digits=settings.integer("extra_float_digits"),
        bytea_output=settings.text("bytea_output"),
        now_us=now_us,
        encoding=client_encoding(settings.text("client_encoding")),
        names=names,
        moment=moment,
    )
