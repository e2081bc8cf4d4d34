"""Plans by hand: short ways to say nodes over columns 1, 2, 3 ... and to run them."""

from __future__ import annotations

import random
from typing import Any

from server.executor.columns import rows_of
from server.executor.context import ExecutionContext
from server.executor.program import Program
from server.expressions.expression import Call, Constant, Expression, SortKey, Variable
from server.functions.function import Function
from server.planner import physical
from server.types.registry import TYPE_BY_NAME
from server.types.type import TypeReference

INT4 = TypeReference(TYPE_BY_NAME["int4"])
INT8 = TypeReference(TYPE_BY_NAME["int8"])
TEXT = TypeReference(TYPE_BY_NAME["text"])
BOOL = TypeReference(TYPE_BY_NAME["bool"])
FLOAT8 = TypeReference(TYPE_BY_NAME["float8"])
NUMERIC = TypeReference(TYPE_BY_NAME["numeric"])


def function(name: str, row: Any, count: int = 2, **more: Any) -> Function:
    return Function(oid=1, name=name, arguments=(23,) * count, result=16, row=row, **more)


EQUAL = function("eq", lambda left, right: left == right)
LESS = function("lt", lambda left, right: left < right)
PLUS = function("plus", lambda left, right: left + right)


def var(column: int, type_: TypeReference = INT4) -> Variable:
    return Variable(type=type_, column=column)


def const(value: Any, type_: TypeReference = INT4) -> Constant:
    return Constant(type=type_, value=value)


def call(f: Function, *arguments: Expression, type_: TypeReference = BOOL) -> Call:
    return Call(type=type_, function=f, arguments=arguments)


def asc(expression: Expression, **more: Any) -> SortKey:
    return SortKey(expression=expression, **more)


def values(rows: list[tuple[Any, ...]], *types: TypeReference, first: int = 1) -> physical.Values:
    return physical.Values(
        output=tuple(range(first, first + len(types))),
        types=types,
        rows=tuple(
            tuple(const(cell, type_) for cell, type_ in zip(row, types, strict=True))
            for row in rows
        ),
    )


def like(node: physical.Plan) -> dict[str, Any]:
    """Output and types of a node, for one that puts out the same."""
    return {"output": node.output, "types": node.types}


def both(left: physical.Plan, right: physical.Plan) -> dict[str, Any]:
    return {"output": left.output + right.output, "types": left.types + right.types}


def context(**more: Any) -> ExecutionContext:
    fields: dict[str, Any] = {
        "engine": None,
        "transaction": None,
        "snapshot": None,
        "catalog": None,
        "settings": {"autovacuum_seal_delay": 300},
        "random": random.Random(1),
        "bind_row": lambda table: ((), ()),
    }
    return ExecutionContext(**(fields | more))


def run(plan: physical.Plan, **more: Any) -> list[tuple[Any, ...]]:
    program = Program(plan)
    found = context(program=program, **more)
    return [row for batch in program.root.batches(found) for row in rows_of(batch)]
