"""Event triggers as catalog objects, which events and tags there are, and what their functions are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import CatalogObject, Oid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from server.catalog.catalog_view import CatalogView

EVENTS: Final = ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite")
EVENT_TRIGGER_TYPE: Final = 3838
EVENT_TRIGGERS: Final = 3466
"""What event triggers are listed under as if they belonged to it: the catalog that shows them."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


_KINDS: Final = _listed(
    "ACCESS METHOD,AGGREGATE,CAST,COLLATION,CONSTRAINT,CONVERSION,DOMAIN,EXTENSION,FOREIGN DATA WRAPPER,"
    "FOREIGN TABLE,FUNCTION,INDEX,LANGUAGE,MATERIALIZED VIEW,OPERATOR,OPERATOR CLASS,OPERATOR FAMILY,POLICY,"
    "PROCEDURE,PUBLICATION,ROUTINE,RULE,SCHEMA,SEQUENCE,SERVER,STATISTICS,SUBSCRIPTION,TABLE,"
    "TEXT SEARCH CONFIGURATION,TEXT SEARCH DICTIONARY,TEXT SEARCH PARSER,TEXT SEARCH TEMPLATE,TRANSFORM,"
    "TRIGGER,TYPE,USER MAPPING,VIEW"
)
_SHARED_KINDS: Final = _listed("DATABASE,EVENT TRIGGER,ROLE,TABLESPACE")
_VERBS: Final = _listed("CREATE,ALTER,DROP")
SUPPORTED_TAGS: Final = frozenset(
    f"{verb} {kind}" for verb in _VERBS for kind in _KINDS
) | frozenset(
    _listed(
        "ALTER DEFAULT PRIVILEGES,ALTER LARGE OBJECT,COMMENT,CREATE TABLE AS,DROP OWNED,GRANT,"
        "IMPORT FOREIGN SCHEMA,REFRESH MATERIALIZED VIEW,REVOKE,SECURITY LABEL,SELECT INTO"
    )
)
"""The commands that fire event triggers, by their tags."""

OTHER_TAGS: Final = frozenset(
    f"{verb} {kind}" for verb in _VERBS for kind in _SHARED_KINDS
) | frozenset(
    _listed(
        "ALTER SYSTEM,ANALYZE,BEGIN,CALL,CHECKPOINT,CLOSE,CLUSTER,COMMIT,COPY,DEALLOCATE,DECLARE CURSOR,DELETE,"
        "DISCARD,DO,DROP REPLICATION SLOT,EXECUTE,EXPLAIN,FETCH,GRANT ROLE,INSERT,LISTEN,LOAD,LOCK TABLE,MERGE,"
        "MOVE,NOTIFY,PREPARE,REASSIGN OWNED,REINDEX,RELEASE,RESET,REVOKE ROLE,ROLLBACK,SAVEPOINT,SELECT,SET,"
        "SHOW,START TRANSACTION,TRUNCATE TABLE,UNLISTEN,UPDATE,VACUUM"
    )
)
REWRITING_TAGS: Final = frozenset(("ALTER TABLE", "ALTER TYPE", "ALTER MATERIALIZED VIEW"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger(CatalogObject):
    """An event trigger; tags: those it is for, none for all. enabled: as in pg_event_trigger."""

    event: str
    function: Oid
    tags: tuple[str, ...] = ()
    enabled: str = "O"

    def concerns(self, event: str, tag: str, states: str) -> bool:
        """Whether it fires in a session whose triggers fire in these states."""
        return (
            self.event == event and self.enabled in states and (not self.tags or tag in self.tags)
        )


@dataclass(frozen=True, slots=True)
class DroppedObject:
    """A row of pg_event_trigger_dropped_objects, in the order of its columns but for the address."""

    class_oid: Oid
    oid: Oid
    is_original: bool
    is_temporary: bool
    identity: tuple[str | None, str | None, str | None, str | None]  # type, schema, name, identity


@dataclass(frozen=True, slots=True)
class Event:
    """What happens, as functions of event triggers are told."""

    name: str
    tag: str
    dropped: tuple[DroppedObject, ...] = ()
    changed: tuple[CatalogObject, ...] = ()
    rewritten: Oid = 0


def event_triggers(view: CatalogView) -> tuple[EventTrigger, ...]:
    """All event triggers."""
    return view.listed(EVENT_TRIGGERS, EventTrigger)


def firing(
    triggers: Iterable[EventTrigger], event: str, tag: str, states: str
) -> list[EventTrigger]:
    """The triggers that fire in these states, in the order of their names."""
    return sorted(
        (each for each in triggers if each.concerns(event, tag, states)), key=lambda each: each.name
    )


def event_of(running: Any) -> Event | None:
    """The event whose triggers are being called in a transaction."""
    found: Event | None = running.event
    return found
