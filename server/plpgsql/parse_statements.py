"""The statements of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import SqlSyntaxError
from server.plpgsql import tree
from server.plpgsql.parse_sql import (
    close,
    execute,
    fetch,
    move,
    open_cursor,
    perform,
    rows_of_query,
    sql,
    targets,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.plpgsql.reader import Reader
    from server.plpgsql.tree import Source, Statement


def statements(reader: Reader, *until: str) -> tuple[Statement, ...]:
    """Read statements up to one of these words."""
    found: list[Statement] = []
    while not reader.at(*until):
        if reader.token.kind == "end":
            raise reader.error()
        found.append(statement(reader))
    return tuple(found)


def statement(reader: Reader) -> Statement:
    """Read one statement with its semicolon."""
    token = reader.token
    if reader.accept("<<"):
        label = reader.identifier()
        reader.expect(">>")
        return _labelled(reader, label)
    if _is_assignment(reader):
        return _assign(reader)
    read = STATEMENTS.get(token.value) if token.kind == "word" else None
    if read is not None:
        return read(reader)
    if not token.is_name:
        raise reader.error()
    if reader.following().text in (":=", "=", "["):
        raise SqlSyntaxError(f'"{token.value}" is not a known variable')
    return sql(reader)


def _labelled(reader: Reader, label: str) -> Statement:
    read = LABELLED.get(reader.token.value) if reader.token.kind == "word" else None
    if read is None:
        raise reader.error()
    return read(reader, label)


def _is_assignment(reader: Reader) -> bool:
    token, following = reader.token, reader.following()
    if token.kind == "param":
        return True
    if not token.is_name or following.text not in (":=", "=", "[", "."):
        return False
    if following.text != ".":
        return reader.lookup((token.value,)) is not None
    parts = (token.value, reader.following(2).value)
    return reader.lookup(parts) is not None


def _assign(reader: Reader) -> Statement:
    line, start = reader.line, reader.token.start
    target = reader.target(with_subscripts=True)
    if not reader.accept(":=", "="):
        raise reader.error()
    value = reader.expression(";", target=start)
    reader.expect(";")
    return tree.Assign(line=line, what="assignment", target=target, value=value)


def _block(reader: Reader, label: str = "") -> Statement:
    from server.plpgsql.parse import block

    found = block(reader, label)
    reader.expect(";")
    return found


# Choices


def _if(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("if")
    branches = []
    while True:
        condition = reader.expression("then")
        reader.expect("then")
        branches.append((condition, statements(reader, "elsif", "elseif", "else", "end")))
        if not reader.accept("elsif", "elseif"):
            break
    otherwise = statements(reader, "end") if reader.accept("else") else ()
    reader.expect("end", "if", ";")
    return tree.Branches(line=line, what="IF", branches=tuple(branches), otherwise=otherwise)


def _case(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("case")
    test = None
    outside = reader.names
    if not reader.at("when"):
        operand = reader.expression("when")
        slot = reader.hidden("__case__", tree.TypeSpec())
        reader.name(f"__Case__Variable_{slot}__", slot)
        test = (slot, operand)
    branches = []
    while reader.accept("when"):
        condition = _case_condition(reader, None if test is None else test[0])
        reader.expect("then")
        branches.append((condition, statements(reader, "when", "else", "end")))
    if not branches:
        raise reader.error()
    otherwise = statements(reader, "end") if reader.accept("else") else None
    reader.expect("end", "case", ";")
    reader.names = outside
    return tree.Branches(
        line=line,
        what="CASE",
        branches=tuple(branches),
        otherwise=otherwise,
        is_case=True,
        test=test,
    )


def _case_condition(reader: Reader, slot: int | None) -> Source:
    if slot is None:
        return reader.expression("then")
    line, start = reader.line, reader.token.start
    reader.skip(("then",))
    written = reader.text[start : reader.tokens[reader.position - 1].end]
    if not written.strip():
        raise SqlSyntaxError('missing expression at or near "THEN"')
    return reader.source(0, 0, line=line, text=f'"__Case__Variable_{slot}__" IN ({written})')


# Loops


def _body(reader: Reader, label: str) -> tuple[Statement, ...]:
    """LOOP ... END LOOP [label];."""
    from server.plpgsql.parse import check_label

    reader.expect("loop")
    body = statements(reader, "end")
    reader.expect("end", "loop")
    check_label(reader, label)
    reader.expect(";")
    return body


def _loop(reader: Reader, label: str = "") -> Statement:
    line, outside = reader.line, reader.names
    reader.label(label, is_loop=True)
    body = _body(reader, label)
    reader.names = outside
    return tree.Loop(line=line, what="LOOP", label=label, body=body)


def _while(reader: Reader, label: str = "") -> Statement:
    line, outside = reader.line, reader.names
    reader.expect("while")
    reader.label(label, is_loop=True)
    condition = reader.expression("loop")
    body = _body(reader, label)
    reader.names = outside
    return tree.Loop(line=line, what="WHILE", label=label, body=body, condition=condition)


def _for(reader: Reader, label: str = "") -> Statement:
    line, outside = reader.line, reader.names
    reader.expect("for")
    reader.label(label, is_loop=True)
    mark = reader.position
    name = reader.identifier() if reader.token.is_name else ""
    if name and reader.at("in") and _is_counting(reader):
        found: Statement = _counting(reader, line, label, name)
    else:
        reader.position = mark
        found = _over_rows(reader, line, label)
    reader.names = outside
    return found


def _is_counting(reader: Reader) -> bool:
    """Whether .. stands before LOOP, outside of brackets."""
    mark = reader.position
    reader.expect("in")
    if reader.at("execute"):
        reader.position = mark
        return False
    end = reader.skip(("..", "loop"))
    reader.position = mark
    return end.text == ".."


def _counting(reader: Reader, line: int, label: str, name: str) -> Statement:
    from server.plpgsql.parse import INTEGER

    reader.expect("in")
    is_reverse = reader.accept("reverse")
    lower = reader.expression("..")
    reader.expect("..")
    upper = reader.expression("loop", "by")
    step = reader.expression("loop") if reader.accept("by") else None
    slot = reader.declare(tree.Variable(name, line, INTEGER))
    return tree.CountingLoop(
        line=line,
        what="FOR with integer loop variable",
        label=label,
        slot=slot,
        lower=lower,
        upper=upper,
        step=step,
        is_reverse=is_reverse,
        body=_body(reader, label),
    )


def _over_rows(reader: Reader, line: int, label: str) -> Statement:
    into = _loop_targets(reader)
    reader.expect("in")
    rows = rows_of_query(reader, into)
    what = "FOR over SELECT rows"
    if rows.dynamic is not None:
        what = "FOR over EXECUTE statement"
    if rows.cursor >= 0:
        what = "FOR over cursor"
        slot = reader.declare(tree.Variable(into[0].text, line, _record()))
        into = (tree.Target(slot, into[0].text),)
    return tree.RowLoop(
        line=line, what=what, label=label, into=into, rows=rows, body=_body(reader, label)
    )


def _record() -> tree.TypeSpec:
    from server.plpgsql.parse import RECORD

    return RECORD


def _loop_targets(reader: Reader) -> tuple[tree.Target, ...]:
    """The variables of a loop over rows; one that is not declared can be a cursor's only."""
    token = reader.token
    if token.is_name and reader.following().value == "in" and not reader.lookup((token.value,)):
        query = reader.following(2)
        if query.is_name and _is_cursor(reader, query.value):
            reader.advance()
            return (tree.Target(-1, token.value),)
        raise SqlSyntaxError(
            "loop variable of loop over rows must be a record variable or list of scalar variables"
            f' at or near "{token.text}"'
        )
    return targets(reader)


def _is_cursor(reader: Reader, name: str) -> bool:
    found = reader.lookup((name,))
    return found is not None and reader.variables[found[0]].type.text == "pg_catalog.refcursor"


def _foreach(reader: Reader, label: str = "") -> Statement:
    line, outside = reader.line, reader.names
    reader.expect("foreach")
    reader.label(label, is_loop=True)
    into = targets(reader)
    depth = 0
    if reader.accept("slice"):
        token = reader.advance()
        if token.kind != "number" or not token.text.isdigit():
            raise reader.error()
        depth = int(token.text)
    reader.expect("in", "array")
    array = reader.expression("loop")
    body = _body(reader, label)
    reader.names = outside
    return tree.ItemLoop(
        line=line,
        what="FOREACH over array",
        label=label,
        into=into,
        slice=depth,
        array=array,
        body=body,
    )


def _leave(reader: Reader) -> Statement:
    line = reader.line
    word = reader.advance().value
    label = ""
    if reader.token.is_name and not reader.at("when"):
        label = reader.identifier()
    condition = reader.expression(";") if reader.accept("when") else None
    _check_leave(reader, word, label)
    reader.expect(";")
    return tree.Leave(
        line=line, what=word.upper(), is_exit=word == "exit", label=label, condition=condition
    )


def _check_leave(reader: Reader, word: str, label: str) -> None:
    here: tree.Names | None = reader.names
    while here is not None:
        if here.slot < 0 and (here.name == label if label else here.is_loop):
            if word == "continue" and label and not here.is_loop:
                raise SqlSyntaxError(f'block label "{label}" cannot be used in CONTINUE')
            return
        here = here.outer
    if label:
        raise SqlSyntaxError(
            f'there is no label "{label}" attached to any block or loop enclosing this statement'
        )
    if word == "exit":
        raise SqlSyntaxError("EXIT cannot be used outside a loop, unless it has a label")
    raise SqlSyntaxError("CONTINUE cannot be used outside a loop")


# What a function gives


def _return(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("return")
    if reader.accept("next"):
        value = None if reader.at(";") else reader.expression(";")
        reader.expect(";")
        return tree.ReturnNext(line=line, what="RETURN NEXT", value=value)
    if reader.accept("query"):
        rows = rows_of_query(reader, (), until=";")
        reader.expect(";")
        return tree.ReturnQuery(line=line, what="RETURN QUERY", rows=rows)
    slot = _only_variable(reader)
    value = None if reader.at(";") else reader.expression(";")
    reader.expect(";")
    return tree.Return(line=line, what="RETURN", value=value, slot=slot)


def _only_variable(reader: Reader) -> int:
    """The slot, where what is returned is a variable and nothing else."""
    if not reader.token.is_name or reader.following().text != ";":
        return -1
    found = reader.lookup((reader.token.value,))
    return -1 if found is None else found[0]


# Errors and what is known of statements


LEVELS: Final = ("exception", "warning", "notice", "info", "log", "debug")
RAISE_OPTIONS: Final = (
    *("errcode", "message", "detail", "hint", "column", "constraint", "datatype", "table"),
    "schema",
)


def _raise(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("raise")
    if reader.accept(";"):
        return tree.Raise(line=line, what="RAISE")
    level = reader.advance().value if reader.at(*LEVELS) else "exception"
    message: str | None = None
    condition = ""
    arguments: list[Source] = []
    if reader.token.kind == "string":
        message = string_value(reader.advance().text)
        while reader.accept(","):
            arguments.append(reader.expression(",", ";", "using"))
        _check_placeholders(message, len(arguments))
    elif not reader.at("using", ";"):
        condition = _raised_condition(reader)
    options = _raise_options(reader) if reader.accept("using") else ()
    reader.expect(";")
    return tree.Raise(
        line=line,
        what="RAISE",
        level=level,
        message=message,
        condition=condition,
        arguments=tuple(arguments),
        options=options,
    )


def _raised_condition(reader: Reader) -> str:
    from server.plpgsql.parse import condition_states, read_sqlstate

    name = reader.identifier()
    if name == "sqlstate":
        return read_sqlstate(reader)
    condition_states(name)
    return name


def _raise_options(reader: Reader) -> tuple[tuple[str, Source], ...]:
    options = []
    while True:
        name = reader.identifier()
        if name not in RAISE_OPTIONS:
            raise SqlSyntaxError(f'unrecognized RAISE statement option at or near "{name}"')
        if not reader.accept("=", ":="):
            raise reader.error('syntax error, expected "="')
        options.append((name, reader.expression(",", ";")))
        if not reader.accept(","):
            return tuple(options)


def _check_placeholders(message: str, count: int) -> None:
    wanted = message.replace("%%", "").count("%")
    if wanted > count:
        raise SqlSyntaxError("too few parameters specified for RAISE")
    if wanted < count:
        raise SqlSyntaxError("too many parameters specified for RAISE")


ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def string_value(text: str) -> str:
    """The value of a string as written: '...', E'...' or $tag$...$tag$."""
    if text.startswith("$"):
        size = text.index("$", 1) + 1
        return text[size:-size]
    inner = text[text.index("'") + 1 : -1].replace("''", "'")
    if text[0] not in "eE":
        return inner
    parts = inner.split("\\\\")
    for number, part in enumerate(parts):
        pieces = part.split("\\")
        parts[number] = pieces[0] + "".join(
            ESCAPES.get(piece[:1], piece[:1]) + piece[1:] for piece in pieces[1:]
        )
    return "\\".join(parts)


def _assert(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("assert")
    condition = reader.expression(",", ";")
    message = reader.expression(";") if reader.accept(",") else None
    reader.expect(";")
    return tree.Assert(line=line, what="ASSERT", condition=condition, message=message)


CURRENT_ITEMS: Final = frozenset(("row_count", "pg_context", "pg_routine_oid"))
STACKED_ITEMS: Final = frozenset(
    (
        *("returned_sqlstate", "message_text", "pg_exception_detail", "pg_exception_hint"),
        *("pg_exception_context", "column_name", "constraint_name", "pg_datatype_name"),
        *("table_name", "schema_name"),
    )
)


def _get(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("get")
    is_stacked = reader.accept("stacked")
    if not is_stacked:
        reader.accept("current")
    reader.expect("diagnostics")
    items = []
    while True:
        target = reader.target(with_subscripts=True)
        if not reader.accept(":=", "="):
            raise reader.error()
        item = reader.identifier()
        if item not in CURRENT_ITEMS | STACKED_ITEMS:
            raise SqlSyntaxError(f'unrecognized GET DIAGNOSTICS item at or near "{item}"')
        _check_item(item, is_stacked=is_stacked)
        items.append((target, item))
        if not reader.accept(","):
            break
    reader.expect(";")
    what = "GET STACKED DIAGNOSTICS" if is_stacked else "GET DIAGNOSTICS"
    return tree.Diagnostics(line=line, what=what, is_stacked=is_stacked, items=tuple(items))


def _check_item(item: str, *, is_stacked: bool) -> None:
    allowed = STACKED_ITEMS if is_stacked else CURRENT_ITEMS
    if item not in allowed:
        kind = "STACKED" if is_stacked else "CURRENT"
        raise SqlSyntaxError(
            f"diagnostics item {item.upper()} is not allowed in GET {kind} DIAGNOSTICS"
        )


def _null(reader: Reader) -> Statement:
    line = reader.line
    reader.expect("null", ";")
    return tree.Nothing(line=line, what="NULL")


def _end_transaction(reader: Reader) -> Statement:
    line = reader.line
    word = reader.advance().value
    is_chained = False
    if reader.accept("and"):
        is_chained = not reader.accept("no")
        reader.expect("chain")
    reader.expect(";")
    return tree.EndTransaction(
        line=line, what=word.upper(), is_commit=word == "commit", is_chained=is_chained
    )


def _call(reader: Reader) -> Statement:
    line = reader.line
    is_call = reader.token.value == "call"
    query = reader.expression(";")
    reader.expect(";")
    what = "CALL" if is_call else "DO"
    return tree.Call(line=line, what=what, query=query, is_call=is_call)


STATEMENTS: Final[dict[str, Callable[[Reader], Statement]]] = {
    "declare": _block,
    "begin": _block,
    "if": _if,
    "case": _case,
    "loop": _loop,
    "while": _while,
    "for": _for,
    "foreach": _foreach,
    "exit": _leave,
    "continue": _leave,
    "return": _return,
    "raise": _raise,
    "assert": _assert,
    "get": _get,
    "null": _null,
    "commit": _end_transaction,
    "rollback": _end_transaction,
    "call": _call,
    "do": _call,
    "execute": execute,
    "perform": perform,
    "open": open_cursor,
    "fetch": fetch,
    "move": move,
    "close": close,
}

LABELLED: Final[dict[str, Callable[[Reader, str], Statement]]] = {
    "declare": _block,
    "begin": _block,
    "loop": _loop,
    "while": _while,
    "for": _for,
    "foreach": _foreach,
}
