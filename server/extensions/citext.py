"""citext: text that is equal whatever the case of its letters."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from server.extensions import citext_functions
from server.extensions.extension import BaseType, Extension
from server.functions.hashing import hash_bytes, signed
from server.types.letters import lower
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable


def folded(text: str) -> str:
    """What comparisons look at."""
    return lower(text)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[str, str], bool]:
    return lambda left, right: compare(folded(left), folded(right))


def _order(left: str, right: str) -> int:
    first, second = folded(left), folded(right)
    return (first > second) - (first < second)


def _hash_extended(value: str, seed: int) -> int:
    return signed(hash_bytes(folded(value).encode(), seed & (1 << 64) - 1), 64)


COMPARISONS: Final = (
    ("=", "citext_eq", operator.eq, "=", "<>"),
    ("<>", "citext_ne", operator.ne, "<>", "="),
    ("<", "citext_lt", operator.lt, ">", ">="),
    ("<=", "citext_le", operator.le, ">=", ">"),
    (">=", "citext_ge", operator.ge, "<=", "<"),
    (">", "citext_gt", operator.gt, "<", "<="),
)
# Patterns are those of text, without regard to case: operator, function, negator.
PATTERNS: Final = (
    ("~", "texticregexeq", "!~"),
    ("~*", "texticregexeq", "!~*"),
    ("!~", "texticregexne", "~"),
    ("!~*", "texticregexne", "~*"),
    ("~~", "texticlike", "!~~"),
    ("~~*", "texticlike", "!~~*"),
    ("!~~", "texticnlike", "~~"),
    ("!~~*", "texticnlike", "~~*"),
)
OF_TEXT: Final = {
    "texticlike": "$1::text ilike $2::text",
    "texticnlike": "$1::text not ilike $2::text",
    "texticregexeq": "$1::text ~* $2::text",
    "texticregexne": "$1::text !~* $2::text",
}


def _script() -> str:
    parts = [
        "create cast (citext as text) without function as implicit;",
        "create cast (citext as varchar) without function as implicit;",
        "create cast (citext as bpchar) with function citext_to_bpchar(citext) as assignment;",
        "create cast (text as citext) without function as assignment;",
        "create cast (varchar as citext) without function as assignment;",
        "create cast (bpchar as citext) with function citext(bpchar) as assignment;",
        "create cast (boolean as citext) with function citext(boolean) as assignment;",
        "create cast (inet as citext) with function citext(inet) as assignment;",
    ]
    for name, function, _, commutator, negator in COMPARISONS:
        more = ", hashes, merges" if name == "=" else ""
        parts.append(
            f"create operator {name} (leftarg = citext, rightarg = citext, procedure = {function}, "
            f"commutator = {commutator}, negator = {negator}{more});"
        )
    for function, body in OF_TEXT.items():
        parts.extend(
            f"create function {function}(citext, {right}) returns boolean language sql "
            f"immutable strict parallel safe as $$select {body}$$;"
            for right in ("citext", "text")
        )
    for name, function, negator in PATTERNS:
        parts.extend(
            f"create operator {name} (leftarg = citext, rightarg = {right}, "
            f"procedure = {function}, negator = {negator});"
            for right in ("citext", "text")
        )
    for name, function in (("min", "citext_smaller"), ("max", "citext_larger")):
        parts.append(f"create aggregate {name}(citext) (sfunc = {function}, stype = citext);")
    parts.append(citext_functions.script())
    return "\n".join(parts)


CITEXT: Final = Extension(
    name="citext",
    version="1.6",
    comment="data type for case-insensitive character strings",
    declarations="\n".join(
        (
            *(f"{name}(citext, citext) bool = {name}" for _, name, _, _, _ in COMPARISONS),
            "citext_cmp(citext, citext) int4 = citext_cmp",
            "citext_pattern_cmp(citext, citext) int4 = citext_cmp",
            "citext_hash(citext) int4 = citext_hash",
            "citext_hash_extended(citext, int8) int8 = citext_hash_extended",
            *(
                f"citext_pattern_{name}(citext, citext) bool = citext_{name}"
                for name in ("lt", "le", "ge", "gt")
            ),
            "citext_smaller(citext, citext) citext = citext_smaller",
            "citext_larger(citext, citext) citext = citext_larger",
            "citext_to_bpchar(citext) bpchar = same",
            "citext(bpchar) citext = stripped",
            "citext(boolean) citext = of_boolean",
            "citext(inet) citext = of_inet",
        )
    ),
    functions={
        **{name: _compared(compare) for _, name, compare, _, _ in COMPARISONS},
        "citext_cmp": _order,
        "citext_hash": lambda value: signed(hash_bytes(folded(value).encode(), 0), 32),
        "citext_hash_extended": _hash_extended,
        "citext_smaller": lambda left, right: left if _order(left, right) < 0 else right,
        "citext_larger": lambda left, right: left if _order(left, right) > 0 else right,
        "same": lambda value: value,
        "stripped": lambda value: value.rstrip(" "),
        "of_boolean": lambda value: "true" if value else "false",
        "of_inet": lambda value: str(value),
    },
    types=(
        BaseType(
            name="citext",
            functions=("citextin", "citextout", "citextrecv", "citextsend"),
            fields={
                "category": "S",
                "storage_strategy": "x",
                "collation": 100,
                "dtype": OBJECTS,
                "storage_kind": "BYTES",
                "parse": lambda text, _modifier, _style: text,
                "format": lambda value, _style: value,
                "receive": lambda data, _modifier: data.decode(),
                "send": str.encode,
                "store_value": lambda value, _modifier: value.encode(),
                "load_value": lambda stored, _modifier: stored.decode(),
                "sort_key": folded,
                "key_value": lambda value: folded(value).encode(),
            },
        ),
    ),
    more=_script(),
)
