"""Statements of a body that run SQL: SELECT INTO, EXECUTE, PERFORM, cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.errors import SqlSyntaxError
from server.plpgsql import tree

if TYPE_CHECKING:
    from server.plpgsql.reader import Reader
    from server.plpgsql.tree import Rows, Source, Statement, Target


def targets(reader: Reader) -> tuple[Target, ...]:
    """Read the variables behind INTO or FOR."""
    found = [reader.target()]
    while reader.accept(","):
        found.append(reader.target())
    return tuple(found)


def into_clause(reader: Reader) -> tuple[tuple[Target, ...], bool]:
    """[STRICT] variables; INTO was read."""
    is_strict = reader.accept("strict")
    return targets(reader), is_strict


def sql(reader: Reader) -> Statement:
    """A statement of SQL: what stands in it as INTO variables is cut out."""
    line, start = reader.line, reader.token.start
    first = reader.token.value
    pieces: list[str] = []
    into: tuple[Target, ...] | None = None
    is_strict = False
    from_offset = start
    before = ""
    depth = 0
    while not (reader.at(";") and not depth):
        token = reader.token
        if token.kind == "end":
            raise reader.error()
        depth += (token.text in "([") - (token.text in ")]") if token.kind == "mark" else 0
        if _is_into(reader, before, first):
            if into is not None:
                raise SqlSyntaxError("INTO specified more than once")
            pieces.append(reader.text[from_offset : token.start])
            reader.advance()
            into, is_strict = into_clause(reader)
            from_offset = reader.token.start
            before = "into"
            continue
        before = token.value
        reader.advance()
    pieces.append(reader.text[from_offset : reader.token.start])
    query = reader.source(start, start, line=line, text=" ".join(pieces).strip())
    reader.expect(";")
    return tree.Sql(line=line, what="SQL statement", query=query, into=into, is_strict=is_strict)


def _is_into(reader: Reader, before: str, first: str) -> bool:
    if not reader.at("into") or before in ("insert", "merge"):
        return False
    return first not in ("import", "create")


def perform(reader: Reader) -> Statement:
    """PERFORM: a query whose rows are not wanted."""
    line = reader.line
    reader.expect("perform")
    start = reader.token.start
    reader.skip((";",))
    written = reader.text[start : reader.tokens[reader.position - 1].end]
    query = reader.source(start, start, line=line, text=f"SELECT {written}")
    reader.expect(";")
    return tree.Perform(line=line, what="PERFORM", query=query)


def execute(reader: Reader) -> Statement:
    """EXECUTE text [INTO variables] [USING arguments], in either order."""
    line = reader.line
    reader.expect("execute")
    text = reader.expression("into", "using", ";")
    into: tuple[Target, ...] | None = None
    is_strict = False
    arguments: tuple[Source, ...] = ()
    while not reader.at(";"):
        if reader.accept("into"):
            if into is not None:
                raise reader.error()
            into, is_strict = into_clause(reader)
        elif reader.accept("using"):
            if arguments:
                raise reader.error()
            arguments = _arguments(reader, "into", ";")
        else:
            raise reader.error()
    reader.expect(";")
    return tree.Execute(
        line=line, what="EXECUTE", text=text, arguments=arguments, into=into, is_strict=is_strict
    )


def _arguments(reader: Reader, *until: str) -> tuple[Source, ...]:
    found = [reader.expression(",", *until)]
    while reader.accept(","):
        found.append(reader.expression(",", *until))
    return tuple(found)


def rows_of_query(reader: Reader, into: tuple[Target, ...], until: str = "loop") -> Rows:
    """What stands behind IN or RETURN QUERY."""
    if reader.accept("execute"):
        dynamic = reader.expression("using", until)
        arguments = _arguments(reader, until) if reader.accept("using") else ()
        return tree.Rows(dynamic=dynamic, arguments=arguments)
    slot = _cursor_named(reader) if until == "loop" else -1
    if slot < 0:
        if into and into[0].slot < 0:
            raise SqlSyntaxError(f'"{into[0].text}" is not a known variable')
        return tree.Rows(query=reader.expression(until))
    reader.advance()
    if reader.variables[slot].cursor is None:
        raise SqlSyntaxError("cursor FOR loop must use a bound cursor variable")
    if len(into) != 1 or into[0].fields:
        raise SqlSyntaxError("cursor FOR loop must have only one target variable")
    return tree.Rows(cursor=slot, cursor_arguments=cursor_arguments(reader, slot, until))


def _cursor_named(reader: Reader) -> int:
    if not reader.token.is_name or reader.following().text not in ("(", "loop", "LOOP", "Loop"):
        return -1
    found = reader.lookup((reader.token.value,))
    if found is None or reader.variables[found[0]].type.text != "pg_catalog.refcursor":
        return -1
    return found[0]


def cursor_arguments(reader: Reader, slot: int, until: str) -> Source | None:
    """The arguments of a bound cursor as a query of one row; named ones are put in order."""
    cursor = reader.variables[slot].cursor
    assert cursor is not None
    name = reader.variables[slot].name
    if not cursor.slots:
        if reader.at("("):
            raise SqlSyntaxError(f'cursor "{name}" has no arguments')
        return None
    if not reader.accept("("):
        raise SqlSyntaxError(f'cursor "{name}" has arguments')
    line = reader.line
    given: dict[int, str] = {}
    while not reader.accept(")"):
        position = _argument_position(reader, cursor.names, len(given))
        if position in given:
            raise SqlSyntaxError(
                f'value for parameter "{cursor.names[position]}" of cursor "{name}" '
                "specified more than once"
            )
        start = reader.token.start
        reader.skip((",", ")"))
        given[position] = reader.text[start : reader.tokens[reader.position - 1].end]
        if not reader.accept(",") and not reader.at(")"):
            raise reader.error()
        if len(given) > len(cursor.names):
            raise SqlSyntaxError(f'too many arguments for cursor "{name}"')
    if len(given) < len(cursor.slots):
        raise SqlSyntaxError(f'not enough arguments for cursor "{name}"')
    text = "SELECT " + ", ".join(given[position] for position in range(len(given)))
    return reader.source(0, 0, line=line, text=text)


def _argument_position(reader: Reader, names: tuple[str, ...], count: int) -> int:
    if reader.token.is_name and reader.following().text in (":=", "=>"):
        name = reader.advance().value
        reader.advance()
        if name not in names:
            raise SqlSyntaxError(f'cursor has no argument named "{name}"')
        return names.index(name)
    if count >= len(names):
        raise SqlSyntaxError("too many arguments for cursor")
    return count


# Cursors


def cursor_variable(reader: Reader) -> int:
    """Read the name of a refcursor variable."""
    parts = reader.variable_name()
    found = reader.lookup(parts)
    if found is None:
        raise SqlSyntaxError(f'"{".".join(parts)}" is not a known variable')
    return found[0]


def open_cursor(reader: Reader) -> Statement:
    """OPEN."""
    line = reader.line
    reader.expect("open")
    slot = cursor_variable(reader)
    if reader.variables[slot].cursor is not None:
        if reader.at("for", "no", "scroll"):
            raise reader.error()
        arguments = cursor_arguments(reader, slot, ";")
        reader.expect(";")
        return tree.Open(line=line, what="OPEN", slot=slot, rows=None, arguments=arguments)
    scroll = None
    if reader.accept("no"):
        scroll = False
        reader.expect("scroll")
    elif reader.accept("scroll"):
        scroll = True
    if not reader.accept("for"):
        raise reader.error('syntax error, expected "FOR"')
    rows = rows_of_query(reader, (), until=";")
    reader.expect(";")
    return tree.Open(line=line, what="OPEN", slot=slot, rows=rows, scroll=scroll)


def fetch(reader: Reader) -> Statement:
    """FETCH [direction FROM] cursor INTO variables."""
    line = reader.line
    reader.expect("fetch")
    direction, count, computed = _direction(reader)
    slot = cursor_variable(reader)
    reader.expect("into")
    into = targets(reader)
    if not reader.accept(";"):
        raise reader.error()
    if direction in ("forward", "backward") and (count is None or count != 1 or computed):
        raise SqlSyntaxError("FETCH statement cannot return multiple rows")
    return tree.Fetch(
        line=line,
        what="FETCH",
        slot=slot,
        direction=direction,
        count=count,
        computed=computed,
        into=into,
    )


def move(reader: Reader) -> Statement:
    """MOVE [direction FROM] cursor."""
    line = reader.line
    reader.expect("move")
    direction, count, computed = _direction(reader)
    slot = cursor_variable(reader)
    reader.expect(";")
    return tree.Fetch(
        line=line,
        what="MOVE",
        slot=slot,
        direction=direction,
        count=count,
        computed=computed,
        is_move=True,
    )


_FIXED = {
    "next": ("forward", 1),
    "prior": ("backward", 1),
    "first": ("absolute", 1),
    "last": ("absolute", -1),
}


def _direction(reader: Reader) -> tuple[str, int | None, Source | None]:
    """Which rows: a direction, and how many or a text that tells it; None is all."""
    word = reader.token.value if reader.token.kind == "word" else ""
    count: int | None = 1
    computed: Source | None = None
    direction = "forward"
    if word in _FIXED and not _is_cursor_itself(reader):
        reader.advance()
        direction, count = _FIXED[word]
    elif word in ("absolute", "relative"):
        reader.advance()
        direction, computed = word, reader.expression("from", "in")
    elif word in ("forward", "backward"):
        reader.advance()
        direction = word
        if reader.accept("all"):
            count = None
        elif not reader.at("from", "in") and not _is_last_name(reader):
            computed = reader.expression("from", "in")
    elif word == "all":
        reader.advance()
        count = None
    elif not _is_last_name(reader) and not reader.at("from", "in"):
        computed = reader.expression("from", "in")
    if not reader.accept("from", "in") and word == "all":
        raise reader.error()
    return direction, count, computed


def _is_cursor_itself(reader: Reader) -> bool:
    return reader.following().value == "into" or reader.following().text == ";"


def _is_last_name(reader: Reader) -> bool:
    """Whether the cursor's name comes now."""
    distance = 0
    while reader.following(distance).is_name and reader.following(distance + 1).text == ".":
        distance += 2
    after = reader.following(distance + 1)
    return reader.following(distance).is_name and (after.text == ";" or after.value == "into")


def close(reader: Reader) -> Statement:
    """CLOSE."""
    line = reader.line
    reader.expect("close")
    slot = cursor_variable(reader)
    reader.expect(";")
    return tree.Close(line=line, what="CLOSE", slot=slot)
