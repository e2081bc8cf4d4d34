"""CREATE and ALTER EVENT TRIGGER."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, Utilities, names
from server.sql.grammar import tree
from server.sql.utility_statement import Name, UtilityStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEventTrigger(UtilityStatement):
    """CREATE EVENT TRIGGER; filters: each a variable with its values."""

    command_tag = "CREATE EVENT TRIGGER"
    name: str
    event: str
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    function: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterEventTrigger(UtilityStatement):
    """ALTER EVENT TRIGGER ... ENABLE, DISABLE; state: as pg_event_trigger.evtenabled has it."""

    command_tag = "ALTER EVENT TRIGGER"
    name: str
    state: str


def create_event_trigger(
    _context: Context, message: tree.CreateEventTrigStmt
) -> CreateEventTrigger:
    """Convert CREATE EVENT TRIGGER."""
    filters = [item.def_elem for item in message.whenclause]
    return CreateEventTrigger(
        name=message.trigname,
        event=message.eventname,
        filters=tuple((item.defname, names(item.arg.list.items)) for item in filters),
        function=names(message.funcname),
    )


def alter_event_trigger(_context: Context, message: tree.AlterEventTrigStmt) -> AlterEventTrigger:
    """Convert ALTER EVENT TRIGGER."""
    return AlterEventTrigger(name=message.trigname, state=message.tgenabled)


UTILITIES: Final[Utilities] = {
    "create_event_trig_stmt": create_event_trigger,
    "alter_event_trig_stmt": alter_event_trigger,
}
