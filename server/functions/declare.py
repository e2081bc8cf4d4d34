"""How the tables of functions are written: one line of signature, then what it does.

A signature is `OID name(argument, ...) result words`. An argument is a type, or a name and a type,
or these and `= default`; `variadic` may stand before the last. Types carry their catalog names
(int4, _text for text[]). The words after the result are `stable`, `volatile`, `lax` (called on
NULL, too), `set` (returns a set), `context` (wants the CallContext) and `total` (raises for no
argument). Several result columns are written `record(key text, value text)`.

An example is `arguments -> result`, both in SQL text form; the test of the registry runs it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from server.functions.function import (
    Aggregate,
    CallContext,
    Function,
    Kernel,
    Row,
    WindowFunction,
)
from server.oids import ANY
from server.types.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.vector.column import Column

_SIGNATURE = re.compile(r"(\d+) (\w+)\((.*?)\) (\w+)(?:\((.*?)\))?((?: \w+)*)")


def type_oid(name: str) -> int:
    """The OID of a built-in type by its catalog name; `_name` is the array of name."""
    if name in FACTS:
        oid: int = FACTS[name]["oid"]
    elif name.startswith("_"):
        oid = FACTS[name[1:]]["array_oid"]
    else:
        oid = _PSEUDO[name]
    return oid


_PSEUDO = {"opaque": 0, "int2vector": 22, "oidvector": 30, "pg_type": 71, "pg_attribute": 75}


def row(
    signature: str,
    implementation: Row | None,
    doc: str,
    example: str = "",
    kernel: Kernel | None = None,
    **more: Any,
) -> Function:
    """One row of a table of functions."""
    match = _SIGNATURE.fullmatch(signature)
    assert match is not None, signature
    oid, name, arguments, result, outputs, words = match.groups()
    flags = words.split()
    called, _, answer = example.partition(" -> ")
    fields: dict[str, Any] = {
        "oid": int(oid),
        "name": name,
        "result": type_oid(result),
        "row": implementation,
        "kernel": kernel,
        "strict": "lax" not in flags,
        "volatility": "v" if "volatile" in flags else "s" if "stable" in flags else "i",
        "returns_set": "set" in flags,
        "needs_context": "context" in flags,
        "runs_beside": "beside" in flags,
        "total": "total" in flags,
        "doc": doc,
        "example": (f"{name}({called})", answer) if example else None,
    }
    return Function(**(fields | _arguments(arguments) | _outputs(outputs) | more))


def _arguments(text: str) -> dict[str, Any]:
    """What a Function says of its arguments."""
    oids, names, defaults, variadic = [], [], [], 0
    for part in filter(None, text.split(", ")):
        declared, _, default = part.partition(" = ")
        words = declared.split()
        if words[0] == "variadic":
            variadic = ANY if words[-1] == "any" else _element(words[-1])
            words = words[1:]
        oids.append(type_oid(words[-1]))
        names.append(words[0] if len(words) > 1 else "")
        if default:
            defaults.append(default)
    return {
        "arguments": tuple(oids),
        "argument_names": tuple(names) if any(names) else (),
        "defaults": tuple(defaults),
        "variadic": variadic,
    }


def _element(array_name: str) -> int:
    special = {"anyarray": "anyelement", "anycompatiblearray": "anycompatible"}
    return type_oid(special.get(array_name, array_name[1:]))


def _outputs(text: str | None) -> dict[str, Any]:
    """What a Function says of its result columns."""
    if not text:
        return {}
    pairs = [part.split(" ") for part in text.split(", ")]
    return {
        "output_names": tuple(name for name, _ in pairs),
        "output_types": tuple(type_oid(type_name) for _, type_name in pairs),
    }


Behaviour = tuple[str, Row, Kernel | None]  # what it does, in words, for a row, for columns


def table(text: str, behaviours: Mapping[str, Behaviour]) -> tuple[Function, ...]:
    """Functions of a text: lines `signature | behaviour | example`.

    A behaviour may be one for each result type; then its key is `behaviour result`.
    """
    functions = []
    for line in text.strip().splitlines():
        signature, key, example = line.split(" | ")
        match = _SIGNATURE.fullmatch(signature)
        assert match is not None, signature
        doc, implementation, kernel = behaviours.get(f"{key} {match[4]}") or behaviours[key]
        functions.append(row(signature, implementation, doc, example, kernel))
    return tuple(functions)


def aggregate(
    signature: str,
    create: Callable[[CallContext], Any],
    accumulate: Callable[..., Any],
    finish: Callable[[Any, int], Column],
    doc: str,
    example: str = "",
    **more: Any,
) -> Aggregate:
    """One row of a table of aggregates; its example is a list of values and the result."""
    match = _SIGNATURE.fullmatch(signature)
    assert match is not None, signature
    oid, name, arguments, result, _, _ = match.groups()
    called, _, answer = example.partition(" -> ")
    fields: dict[str, Any] = {
        "oid": int(oid),
        "name": name,
        "result": type_oid(result),
        "create": create,
        "accumulate": accumulate,
        "finish": finish,
        "doc": doc,
        "example": (f"{name}({called})", answer) if example else None,
    }
    declared = _arguments(arguments)
    declared.pop("defaults")
    return Aggregate(**(fields | declared | more))


def window(
    signature: str, evaluate: Callable[..., Column], doc: str, example: str = ""
) -> WindowFunction:
    """One row of a table of window functions."""
    match = _SIGNATURE.fullmatch(signature)
    assert match is not None, signature
    oid, name, arguments, result, _, _ = match.groups()
    called, _, answer = example.partition(" -> ")
    return WindowFunction(
        oid=int(oid),
        name=name,
        arguments=_arguments(arguments)["arguments"],
        result=type_oid(result),
        evaluate=evaluate,
        doc=doc,
        example=(f"{name}({called})", answer) if example else None,
    )
