"""The body of a function or DO to its tree: blocks and declarations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from server.errors import BY_SQLSTATE, SqlSyntaxError, UndefinedObject
from server.plpgsql.conditions import CONDITIONS
from server.plpgsql.parse_statements import statements
from server.plpgsql.reader import Reader
from server.plpgsql.tree import (
    Block,
    CursorSpec,
    Function,
    Handler,
    Source,
    TypeSpec,
    Variable,
)

TEXT: Final = TypeSpec("pg_catalog.text")
BOOLEAN: Final = TypeSpec("pg_catalog.bool")
INTEGER: Final = TypeSpec("pg_catalog.int4")
REFCURSOR: Final = TypeSpec("pg_catalog.refcursor")
RECORD: Final = TypeSpec("record", is_record=True)

TRIGGER_VARIABLES: Final = (
    ("new", RECORD),
    ("old", RECORD),
    ("tg_name", TypeSpec("pg_catalog.name")),
    ("tg_when", TEXT),
    ("tg_level", TEXT),
    ("tg_op", TEXT),
    ("tg_relid", TypeSpec("pg_catalog.oid")),
    ("tg_relname", TypeSpec("pg_catalog.name")),
    ("tg_table_name", TypeSpec("pg_catalog.name")),
    ("tg_table_schema", TypeSpec("pg_catalog.name")),
    ("tg_nargs", INTEGER),
    ("tg_argv", TypeSpec("pg_catalog.text[]")),
)


EVENT_TRIGGER_VARIABLES: Final = (("tg_event", TEXT), ("tg_tag", TEXT))


@dataclass(frozen=True, slots=True)
class Header:
    """What a body is parsed with: the function's name and the names of its parameters.

    outputs: the positions of the output parameters.
    """

    name: str = ""
    parameters: tuple[str, ...] = ()
    outputs: tuple[int, ...] = ()
    is_trigger: bool = False
    is_event_trigger: bool = False


@lru_cache(maxsize=1000)
def parse_body(text: str, header: Header) -> Function:
    """Parse a body; raises 42601 and what else can be told from the text alone."""
    reader = Reader(text)
    reader.label(header.name, is_block=True)
    found = reader.declare(Variable("found", 0, BOOLEAN))
    slots = _declare_parameters(reader, header)
    named: dict[str, int] = {}
    given = TRIGGER_VARIABLES if header.is_trigger else ()
    for name, kind in EVENT_TRIGGER_VARIABLES if header.is_event_trigger else given:
        named[name] = reader.declare(Variable(name, 0, kind))
    _options(reader)
    block = _block(reader, _label(reader))
    reader.accept(";")
    if reader.token.kind != "end":
        raise reader.error()
    return Function(
        block=block,
        variables=tuple(reader.variables),
        found_slot=found,
        outputs=tuple(slots[position] for position in header.outputs),
        sources=tuple(reader.sources),
        assignments=(),
        slots=named,
        shadowing=tuple(reader.shadowing),
    )


def _declare_parameters(reader: Reader, header: Header) -> list[int]:
    slots = []
    for position, name in enumerate(header.parameters):
        number = f"${position + 1}"
        variable = Variable(name or number, 0, TypeSpec(), parameter=position)
        slots.append(reader.declare(variable, name=number))
        if name:
            reader.name(name, slots[-1])
    return slots


def _options(reader: Reader) -> None:
    while reader.accept("#"):
        option = reader.identifier()
        value = reader.advance().value
        if option == "variable_conflict" and value in ("error", "use_variable", "use_column"):
            reader.conflict = value.removeprefix("use_")
        elif option not in ("option", "print_strict_params") or (
            option == "option" and value != "dump"
        ):
            raise reader.error()


def _label(reader: Reader) -> str:
    if not reader.accept("<<"):
        return ""
    name = reader.identifier()
    reader.expect(">>")
    return name


def block(reader: Reader, label: str) -> Block:
    """[DECLARE ...] BEGIN ... [EXCEPTION ...] END."""
    return _block(reader, label)


def _block(reader: Reader, label: str) -> Block:
    outside = reader.names
    line = reader.line
    reader.label(label, is_block=True)
    slots: list[int] = []
    while reader.accept("declare"):
        while not reader.at("begin", "declare"):
            slots += _declaration(reader)
    line = reader.line
    reader.expect("begin")
    body = statements(reader, "end", "exception")
    state, message = -1, -1
    handlers: tuple[Handler, ...] = ()
    if reader.accept("exception"):
        state = reader.declare(Variable("sqlstate", line, TEXT, is_constant=True))
        message = reader.declare(Variable("sqlerrm", line, TEXT, is_constant=True))
        handlers = _handlers(reader)
    reader.expect("end")
    check_label(reader, label)
    reader.names = outside
    return Block(
        line=line,
        what="statement block",
        label=label,
        slots=tuple(slots),
        body=body,
        handlers=handlers,
        state_slot=state,
        message_slot=message,
    )


def check_label(reader: Reader, label: str) -> None:
    """Read the label that END may repeat."""
    if not reader.token.is_name:
        return
    name = reader.identifier()
    if not label:
        raise SqlSyntaxError(f'end label "{name}" specified for unlabeled block')
    if name != label:
        raise SqlSyntaxError(f'end label "{name}" differs from block\'s label "{label}"')


def _handlers(reader: Reader) -> tuple[Handler, ...]:
    handlers = []
    while reader.accept("when"):
        conditions = list(_condition(reader))
        while reader.accept("or"):
            conditions += _condition(reader)
        reader.expect("then")
        handlers.append(
            Handler(conditions=tuple(conditions), body=statements(reader, "when", "end"))
        )
    if not handlers:
        raise reader.error()
    return tuple(handlers)


def _condition(reader: Reader) -> tuple[str, ...]:
    name = reader.identifier()
    if name == "sqlstate":
        return (read_sqlstate(reader),)
    return ("others",) if name == "others" else condition_states(name)


def condition_states(name: str) -> tuple[str, ...]:
    """The SQLSTATEs of a condition by name."""
    found = CONDITIONS.get(name)
    if found is None:
        raise UndefinedObject(f'unrecognized exception condition "{name}"')
    return found


def read_sqlstate(reader: Reader) -> str:
    """Read the string behind SQLSTATE."""
    token = reader.advance()
    state = token.text.strip("'")
    if (
        token.kind != "string"
        or len(state) != 5
        or not (state.isalnum() and state == state.upper())
    ):
        raise SqlSyntaxError("invalid SQLSTATE code")
    return state


# Declarations


def _declaration(reader: Reader) -> list[int]:
    """Read one declaration; gives the slots that the block sets to their defaults."""
    line = reader.line
    if reader.at("<<"):
        raise SqlSyntaxError("block label must be placed before DECLARE, not after")
    name = _new_name(reader)
    _refuse_twice(reader, name)
    if reader.accept("alias"):
        reader.expect("for")
        _alias(reader, name)
        reader.expect(";")
        return []
    if reader.at("no", "scroll", "cursor"):
        return [_cursor(reader, name, line)]
    is_constant = reader.accept("constant")
    kind = read_type(reader, ":=", "=", "default", "not", "collate", ";")
    collation = _collation(reader)
    is_not_null = reader.accept("not")
    if is_not_null:
        reader.expect("null")
    default = reader.expression(";") if reader.accept(":=", "=", "default") else None
    reader.expect(";")
    if is_not_null and default is None:
        raise BY_SQLSTATE["22004"](
            f'variable "{name}" must have a default value, since it\'s declared NOT NULL'
        )
    variable = Variable(name, line, kind, default, is_constant, is_not_null, collation)
    return [reader.declare(variable)]


def _new_name(reader: Reader) -> str:
    """Read the name of a variable that is declared."""
    name = reader.identifier()
    if reader.lookup((name,)) is not None:
        reader.shadowing.append(name)
    return name


def _refuse_twice(reader: Reader, name: str) -> None:
    here = reader.names
    while here.slot >= 0:
        if here.name == name:
            raise SqlSyntaxError(f'duplicate declaration at or near "{name}"')
        assert here.outer is not None
        here = here.outer


def _alias(reader: Reader, name: str) -> None:
    token = reader.token
    if token.kind == "param":
        reader.advance()
        parts: tuple[str, ...] = (token.text,)
    else:
        parts = reader.written_name()
    found = reader.lookup(parts)
    if found is None:
        raise UndefinedObject(f'variable "{".".join(parts)}" does not exist')
    reader.name(name, found[0])


def _collation(reader: Reader) -> tuple[str, ...]:
    return reader.written_name() if reader.accept("collate") else ()


def read_type(reader: Reader, *until: str) -> TypeSpec:
    """Read a type up to one of these words."""
    start = reader.token
    if start.kind == "end" or reader.at(*until):
        raise SqlSyntaxError(f'missing data type declaration at or near "{start.text}"')
    if start.is_name:
        found = _derived_type(reader)
        if found is not None:
            return found
    reader.skip((*until, ")") if start.text != "(" else until)
    text = reader.text[start.start : reader.tokens[reader.position - 1].end]
    return TypeSpec(text, is_record=text.lower() in ("record", "pg_catalog.record"))


def _derived_type(reader: Reader) -> TypeSpec | None:
    """name%TYPE and name%ROWTYPE."""
    position = reader.position
    parts = [reader.advance().value]
    while reader.at(".") and reader.following().is_name:
        reader.advance()
        parts.append(reader.advance().value)
    if reader.token.text == "%" and reader.following().value in ("type", "rowtype"):
        reader.advance()
        is_row = reader.advance().value == "rowtype"
        if not is_row:
            slot = reader.lookup(tuple(parts))
            if slot is not None and slot[1] == len(parts):
                return TypeSpec(slot=slot[0])
        return TypeSpec(of=tuple(parts), is_row=is_row)
    reader.position = position
    return None


def _cursor(reader: Reader, name: str, line: int) -> int:
    scroll = None
    if reader.accept("no"):
        reader.expect("scroll")
        scroll = False
    elif reader.accept("scroll"):
        scroll = True
    reader.expect("cursor")
    outside = reader.names
    reader.label("")
    slots: list[int] = []
    names: list[str] = []
    if reader.accept("("):
        while True:
            names.append(_new_name(reader))
            kind = read_type(reader, ",", ")")
            slots.append(reader.declare(Variable(names[-1], line, kind)))
            if not reader.accept(","):
                break
        reader.expect(")")
    if not reader.accept("for", "is"):
        raise reader.error('syntax error, expected "FOR"')
    query: Source = reader.expression(";")
    reader.expect(";")
    reader.names = outside
    cursor = CursorSpec(query, tuple(slots), tuple(names), scroll)
    return reader.declare(Variable(name, line, REFCURSOR, cursor=cursor))
