"""Functions, procedures, triggers, casts, aggregates: what adds code to the catalog."""

from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from server.sql import nodes
from server.sql.context import Context, names, relation_parts
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.object_names import (
    ObjectName,
    Parameter,
    object_kind,
    parameter,
    routine_name,
)
from server.sql.utility_session import Setting, variable_set
from server.sql.utility_statement import (
    Name,
    Option,
    SourceExpression,
    UtilityStatement,
    option_value,
    optional_expression,
    options,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFunction(UtilityStatement):
    """CREATE FUNCTION or PROCEDURE.

    The source is in the option `as` (a tuple of one or two strings) or, in SQL-standard form, in
    `body`, which is_return says to be RETURN alone.
    Settings (SET ... of a function) are apart from the other options.
    """

    name: Name
    procedure: bool = False
    replace: bool = False
    parameters: tuple[Parameter, ...] = ()
    returns: nodes.TypeName | None = None
    options: tuple[Option, ...] = ()
    settings: tuple[Setting, ...] = ()
    body: tuple[exp.Expression | UtilityStatement, ...] | None = None
    is_return: bool = False

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return "CREATE PROCEDURE" if self.procedure else "CREATE FUNCTION"


def create_function(context: Context, message: tree.CreateFunctionStmt) -> CreateFunction:
    """Convert CREATE FUNCTION and CREATE PROCEDURE."""
    settings = [item.def_elem for item in message.options if item.def_elem.defname == "set"]
    others = [item for item in message.options if item.def_elem.defname != "set"]
    return CreateFunction(
        name=names(message.funcname),
        procedure=message.is_procedure,
        replace=message.replace,
        parameters=tuple(
            parameter(context, item.function_parameter) for item in message.parameters
        ),
        returns=type_name(context, message.return_type)
        if message.HasField("return_type")
        else None,
        options=options(context, others),
        settings=tuple(variable_set(context, item.arg.variable_set_stmt) for item in settings),
        body=function_body(context, message.sql_body),
        is_return=message.sql_body.WhichOneof("node") == "return_stmt",
    )


def function_body(
    context: Context, node: Node
) -> tuple[exp.Expression | UtilityStatement, ...] | None:
    """Convert a body in SQL: RETURN, or BEGIN ATOMIC, whose list is wrapped in a list."""
    kind = node.WhichOneof("node")
    if kind is None:
        return None
    items = node.list.items[0].list.items if kind == "list" else [node]
    return tuple(body_statement(context, item) for item in items)


def body_statement(context: Context, node: Node) -> exp.Expression | UtilityStatement:
    """Convert a statement of a body; RETURN becomes a query of one row."""
    if node.WhichOneof("node") != "return_stmt":
        return context.statement(node)
    value = context.convert(node.return_stmt.returnval)
    clauses: dict[str, Any] = dict.fromkeys(nodes.Select.arg_types)
    clauses |= {name: [] for name in ("from_items", "windows", "order_by", "locks")}
    clauses["targets"] = [nodes.Target(this=value, alias=None)]
    return nodes.Select(**clauses)


@dataclass(frozen=True, slots=True)
class AlterFunction(UtilityStatement):
    """ALTER FUNCTION, PROCEDURE or ROUTINE with options."""

    kind: str
    function: ObjectName
    options: tuple[Option, ...]
    settings: tuple[Setting, ...]

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"ALTER {self.kind.upper()}"


def alter_function(context: Context, message: tree.AlterFunctionStmt) -> AlterFunction:
    """Convert ALTER FUNCTION."""
    settings = [item.def_elem for item in message.actions if item.def_elem.defname == "set"]
    others = [item for item in message.actions if item.def_elem.defname != "set"]
    return AlterFunction(
        object_kind(message.objtype),
        routine_name(context, message.func),
        options(context, others),
        tuple(variable_set(context, item.arg.variable_set_stmt) for item in settings),
    )


@dataclass(frozen=True, slots=True)
class Call(UtilityStatement):
    """CALL."""

    command_tag = "CALL"
    call: exp.Expression


def call(context: Context, message: tree.CallStmt) -> Call:
    """Convert CALL."""
    return Call(context.message("func_call", message.funccall))


@dataclass(frozen=True, slots=True)
class Do(UtilityStatement):
    """DO."""

    command_tag = "DO"
    source: str
    language: str


def do(context: Context, message: tree.DoStmt) -> Do:
    """Convert DO."""
    given = {
        item.def_elem.defname: option_value(context, item.def_elem.arg) for item in message.args
    }
    return Do(str(given.get("as", "")), str(given.get("language", "plpgsql")))


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrigger(UtilityStatement):
    """CREATE TRIGGER; events are `insert delete update truncate`, timing `before after instead`.

    Transition tables are pairs of name and whether it holds the new rows.
    """

    command_tag = "CREATE TRIGGER"
    name: str
    relation: Name
    offset: int
    function: Name
    arguments: tuple[str, ...]
    timing: str
    events: tuple[str, ...]
    columns: tuple[str, ...]
    for_each_row: bool
    when: SourceExpression | None
    replace: bool
    constraint: bool
    deferrable: bool
    initially_deferred: bool
    referenced: Name
    transitions: tuple[tuple[str, bool], ...]


# The bits of CreateTrigStmt, as in PostgreSQL's trigger.h.
TRIGGER_EVENTS: Final = ((0x4, "insert"), (0x8, "delete"), (0x10, "update"), (0x20, "truncate"))
TRIGGER_TIMINGS: Final = {0x0: "after", 0x2: "before", 0x40: "instead"}


def create_trigger(context: Context, message: tree.CreateTrigStmt) -> CreateTrigger:
    """Convert CREATE TRIGGER."""
    transitions = [item.trigger_transition for item in message.transition_rels]
    return CreateTrigger(
        name=message.trigname,
        relation=relation_parts(message.relation),
        offset=context.source_offset(message.relation.location),
        function=names(message.funcname),
        arguments=names(message.args),
        timing=TRIGGER_TIMINGS[message.timing],
        events=tuple(word for bit, word in TRIGGER_EVENTS if message.events & bit),
        columns=names(message.columns),
        for_each_row=message.row,
        when=optional_expression(context, message.when_clause),
        replace=message.replace,
        constraint=message.isconstraint,
        deferrable=message.deferrable,
        initially_deferred=message.initdeferred,
        referenced=relation_parts(message.constrrel) if message.HasField("constrrel") else (),
        transitions=tuple((item.name, item.is_new) for item in transitions),
    )


@dataclass(frozen=True, slots=True)
class Define(UtilityStatement):
    """CREATE AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH ... and base or shell TYPE.

    direct_count: direct arguments of an ordered-set aggregate, -1 for any other. The old style of
    an aggregate has no parameters but the option BASETYPE.
    """

    kind: str
    name: Name
    options: tuple[Option, ...]
    parameters: tuple[Parameter, ...] = ()
    if_not_exists: bool = False
    replace: bool = False
    is_old_style: bool = False
    direct_count: int = -1

    @property
    def tag(self) -> str:
        """PostgreSQL's command tag."""
        return f"CREATE {self.kind.upper()}"


def define(context: Context, message: tree.DefineStmt) -> Define:
    """Convert the statements that define an object by a list of options.

    An aggregate's arguments are a list of parameters and the number of direct ones.
    """
    arguments = message.args[0].list.items if message.args else ()
    return Define(
        object_kind(message.kind),
        names(message.defnames),
        options(context, message.definition),
        tuple(parameter(context, item.function_parameter) for item in arguments),
        message.if_not_exists,
        message.replace,
        message.oldstyle,
        message.args[1].integer.ival if len(message.args) > 1 else -1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCast(UtilityStatement):
    """CREATE CAST; the context is `implicit assignment explicit`, by_text: WITH INOUT."""

    command_tag = "CREATE CAST"
    source: nodes.TypeName
    target: nodes.TypeName
    function: ObjectName | None
    context: str
    by_text: bool


CAST_CONTEXTS: Final = {
    tree.COERCION_IMPLICIT: "implicit",
    tree.COERCION_ASSIGNMENT: "assignment",
    tree.COERCION_EXPLICIT: "explicit",
}


def create_cast(context: Context, message: tree.CreateCastStmt) -> CreateCast:
    """Convert CREATE CAST."""
    return CreateCast(
        source=type_name(context, message.sourcetype),
        target=type_name(context, message.targettype),
        function=routine_name(context, message.func) if message.HasField("func") else None,
        context=CAST_CONTEXTS[message.context],
        by_text=message.inout,
    )


UTILITIES: Final = {
    "create_function_stmt": create_function,
    "alter_function_stmt": alter_function,
    "call_stmt": call,
    "do_stmt": do,
    "create_trig_stmt": create_trigger,
    "define_stmt": define,
    "create_cast_stmt": create_cast,
}
