"""jsonpath: paths into JSON, as trees, and how they are written.

A path is a chain of steps. The first one gives items (the root, a literal, an operator over other
chains); each of the others takes every item that its predecessor gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import InternalError
from server.types.errors import decode_text, insufficient_data
from server.types.facts import define
from server.types.jsonb import quote
from server.types.text import OBJECTS
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from server.types.type import TextStyle

ANY_LEVEL: Final = 0xFFFFFFFF  # `last` in **{...}
BINARY_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Kinds with what they hold: literal (value), variable and key (their name), root, current, last,
    any_key, any_array, index (pairs of chains, the second None), any (two levels), filter (a
    chain), method (a name; datetime may have a template as argument), the operators of PRIORITIES
    and not, exists, unknown (chains), like_regex (a chain, pattern and flags).
    """

    kind: str
    value: Any = None
    arguments: tuple[Any, ...] = ()


Chain = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A value of type jsonpath."""

    chain: Chain
    is_lax: bool = True


PRIORITIES: Final = {
    "||": 0,
    "&&": 1,
    "==": 2,
    "!=": 2,
    "<": 2,
    ">": 2,
    "<=": 2,
    ">=": 2,
    "starts with": 2,
    "+": 3,
    "-": 3,
    "*": 4,
    "/": 4,
    "%": 4,
    "unary +": 5,
    "unary -": 5,
}
HIGHEST: Final = 6
PREDICATES: Final = frozenset(("||", "&&", "==", "!=", "<", ">", "<=", ">=")) | {
    "starts with",
    "like_regex",
    "not",
    "exists",
    "unknown",
}


def _priority(chain: Chain) -> int:
    return PRIORITIES.get(chain[0].kind, HIGHEST)


def format_jsonpath(value: JsonPath, _style: TextStyle) -> str:
    """Write the path."""
    return ("" if value.is_lax else "strict ") + _chain(value.chain, brackets=True)


def _chain(chain: Chain, brackets: bool) -> str:
    first = _head(chain[0], brackets, has_next=len(chain) > 1)
    return first + "".join(_accessor(step) for step in chain[1:])


def _operand(step: Step, number: int) -> str:
    chain = step.arguments[number]
    return _chain(chain, _priority(chain) <= PRIORITIES.get(step.kind, HIGHEST))


def _head(step: Step, brackets: bool, has_next: bool) -> str:
    """Write the first step of a chain."""
    simple = {"root": "$", "current": "@", "last": "last"}.get(step.kind)
    if simple is not None:
        return simple
    if step.kind == "literal":
        written = _literal(step.value)
        return f"({written})" if has_next and isinstance(step.value, Decimal) else written
    if step.kind == "variable":
        return f"${quote(step.value)}"
    if step.kind in ("not", "unknown", "exists"):
        inner = _chain(step.arguments[0], brackets=False)
        return {"not": f"!({inner})", "unknown": f"({inner}) is unknown"}.get(
            step.kind, f"exists ({inner})"
        )
    if step.kind.startswith("unary"):
        written = step.kind[-1] + _operand(step, 0)
    elif step.kind == "like_regex":
        pattern, flags = step.value
        written = f"{_operand(step, 0)} like_regex {quote(pattern)}"
        written += f' flag "{flags}"' if flags else ""
    else:
        written = f"{_operand(step, 0)} {step.kind} {_operand(step, 1)}"
    return f"({written})" if brackets else written


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else f"{value:f}"


def _accessor(step: Step) -> str:
    """Write a step that is not the first."""
    if step.kind == "key":
        return f".{quote(step.value)}"
    if step.kind == "index":
        return "[" + ",".join(_subscript(*pair) for pair in step.arguments) + "]"
    if step.kind == "any":
        return ".**" + _levels(*step.value)
    if step.kind == "filter":
        return f"?({_chain(step.arguments[0], brackets=False)})"
    if step.kind == "method":
        template = "" if not step.arguments else _chain(step.arguments[0], brackets=False)
        return f".{step.value}({template})"
    return {"any_key": ".*", "any_array": "[*]"}[step.kind]


def _subscript(first: Chain, last: Chain | None) -> str:
    written = _chain(first, brackets=False)
    return written if last is None else f"{written} to {_chain(last, brackets=False)}"


def _levels(first: int, last: int) -> str:
    if (first, last) == (0, ANY_LEVEL):
        return ""
    shown = ["last" if level == ANY_LEVEL else str(level) for level in (first, last)]
    return "{" + (shown[0] if first == last else " to ".join(shown)) + "}"


def parse_jsonpath(text: str, _modifier: int, _style: TextStyle) -> JsonPath:
    """Read a path."""
    from server.types.jsonpath_reader import read_path

    return read_path(text)


def _receive(data: bytes, _modifier: int) -> JsonPath:
    if not data:
        raise insufficient_data()
    if data[0] != BINARY_VERSION:
        raise InternalError(f"unsupported jsonpath version number: {data[0]}")
    return parse_jsonpath(decode_text(data[1:]), -1, PLAIN_STYLE)


JSONPATH_TYPES: Final = (
    define(
        "jsonpath",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_jsonpath,
        format=format_jsonpath,
        receive=_receive,
        send=lambda value: bytes([BINARY_VERSION]) + format_jsonpath(value, PLAIN_STYLE).encode(),
        store_value=lambda value, _modifier: format_jsonpath(value, PLAIN_STYLE).encode(),
        load_value=lambda stored, _modifier: parse_jsonpath(stored.decode(), -1, PLAIN_STYLE),
    ),
)
