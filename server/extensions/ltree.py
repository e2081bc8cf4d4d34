"""ltree: paths in trees of labels, patterns of them, and words to be found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import ArraySubscriptError, InvalidParameterValue, NullValueNotAllowed
from server.extensions.extension import BaseType, Extension
from server.extensions.ltree_queries import parse_lquery, parse_ltxtquery
from server.extensions.ltree_type import PATH_FIELDS, Ltree, order, parse_path, text_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.types.array import Array

COMPARISONS: Final = (
    ("<", "lt", ">", ">="),
    ("<=", "le", ">=", ">"),
    ("=", "eq", "=", "<>"),
    (">=", "ge", "<=", "<"),
    (">", "gt", "<", "<="),
    ("<>", "ne", "<>", "="),
)


# Parts of paths


def _subltree(path: Ltree, start: int, stop: int) -> Ltree:
    if start < 0 or stop < 0 or start >= len(path.labels) or start > stop:
        raise InvalidParameterValue("invalid positions")
    return Ltree(path.labels[start:stop])


def _subpath(path: Ltree, offset: int, length: int | None = None) -> Ltree:
    count = len(path.labels)
    start = offset + count if offset < 0 else offset
    stop = count
    if length is not None and length < 0:
        stop = count + length
    elif length is not None:
        stop = min(start + length, 65_535)
    if start < 0:  # once more, as PostgreSQL does
        start += count
        stop = stop if length is None or length < 0 else start + length
    return _subltree(path, start, stop)


def _index(path: Ltree, part: Ltree, offset: int = 0) -> int:
    """Where a path has another one in it; -1: nowhere."""
    count, wanted = len(path.labels), len(part.labels)
    start = max(count + offset, 0) if offset < 0 else offset
    if not wanted:
        return -1
    for at in range(start, count - wanted + 1):
        if path.labels[at : at + wanted] == part.labels:
            return at
    return -1


def _common(paths: Iterable[Ltree]) -> Ltree | None:
    """The longest path that all go through, above each of them; NULL for an empty one."""
    found: tuple[str, ...] | None = None
    for path in paths:
        if not path.labels:
            return None
        above = path.labels[:-1]
        if found is None:
            found = above
            continue
        same = 0
        for left, right in zip(found, above, strict=False):
            if left != right:
                break
            same += 1
        found = found[:same]
    return None if found is None else Ltree(found)


def _is_above(path: Ltree, other: Ltree) -> bool:
    return other.labels[: len(path.labels)] == path.labels


def _joined(left: Ltree, right: Ltree) -> Ltree:
    return Ltree(left.labels + right.labels)


# Arrays


def _items(values: Array) -> Iterator[Any]:
    if len(values.dimensions) > 1:
        raise ArraySubscriptError("array must be one-dimensional")
    if None in values.items:
        raise NullValueNotAllowed("array must not contain nulls")
    return iter(values.items)


def _any_query(path: Ltree, queries: Array) -> bool:
    return any(query.matches(path) for query in _items(queries))


TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "isparent": _is_above,
    "risparent": lambda path, other: _is_above(other, path),
    "regex": lambda path, query: query.matches(path),
    "any_regex": _any_query,
    "exec": lambda path, query: query.matches(path),
}


def _turned(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda left, right: test(right, left)


def _one_of(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda paths, asked: any(test(path, asked) for path in _items(paths))


def _first_of(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Ltree | None]:
    return lambda paths, asked: next((p for p in _items(paths) if test(p, asked)), None)


# Declarations: function, result, symbol and operators of each test. Its left side may be an array of paths.
_TESTS: Final = (
    ("ltree_isparent(ltree, ltree)", "isparent", ("@>", "^@>"), ("<@", "^<@")),
    ("ltree_risparent(ltree, ltree)", "risparent", ("<@", "^<@"), ("@>", "^@>")),
    ("ltq_regex(ltree, lquery)", "regex", ("~", "^~"), ("~", "^~")),
    ("ltq_rregex(lquery, ltree)", "turned_regex", ("~", "^~"), ("~", "^~")),
    ("lt_q_regex(ltree, lquery[])", "any_regex", ("?", "^?"), ("?", "^?")),
    ("lt_q_rregex(lquery[], ltree)", "turned_any_regex", ("?", "^?"), ("?", "^?")),
    ("ltxtq_exec(ltree, ltxtquery)", "exec", ("@", "^@"), ("@", "^@")),
    ("ltxtq_rexec(ltxtquery, ltree)", "turned_exec", ("@", "^@"), ("@", "^@")),
    ("_ltree_isparent(ltree[], ltree)", "one_isparent", ("@>", "^@>"), ("<@", "^<@")),
    ("_ltree_r_isparent(ltree, ltree[])", "turned_one_isparent", ("<@", "^<@"), ("@>", "^@>")),
    ("_ltree_risparent(ltree[], ltree)", "one_risparent", ("<@", "^<@"), ("@>", "^@>")),
    ("_ltree_r_risparent(ltree, ltree[])", "turned_one_risparent", ("@>", "^@>"), ("<@", "^<@")),
    ("_ltq_regex(ltree[], lquery)", "one_regex", ("~", "^~"), ("~", "^~")),
    ("_ltq_rregex(lquery, ltree[])", "turned_one_regex", ("~", "^~"), ("~", "^~")),
    ("_lt_q_regex(ltree[], lquery[])", "one_any_regex", ("?", "^?"), ("?", "^?")),
    ("_lt_q_rregex(lquery[], ltree[])", "turned_one_any_regex", ("?", "^?"), ("?", "^?")),
    ("_ltxtq_exec(ltree[], ltxtquery)", "one_exec", ("@", "^@"), ("@", "^@")),
    ("_ltxtq_rexec(ltxtquery, ltree[])", "turned_one_exec", ("@", "^@"), ("@", "^@")),
)
_FIRSTS: Final = (
    ("_ltree_extract_isparent(ltree[], ltree)", "first_isparent", "?@>"),
    ("_ltree_extract_risparent(ltree[], ltree)", "first_risparent", "?<@"),
    ("_ltq_extract_regex(ltree[], lquery)", "first_regex", "?~"),
    ("_ltxtq_extract_exec(ltree[], ltxtquery)", "first_exec", "?@"),
)
_GIST: Final = """
create operator class ltree_ops default for type ltree using btree as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
  function 1 ltree_cmp(ltree, ltree);
create operator class gist_ltree_ops default for type ltree using gist as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >,
  operator 10 @>(ltree, ltree), operator 11 <@(ltree, ltree),
  operator 12 ~(ltree, lquery), operator 13 ~(lquery, ltree),
  operator 14 @(ltree, ltxtquery), operator 15 @(ltxtquery, ltree),
  operator 16 ?(ltree, lquery[]), operator 17 ?(lquery[], ltree);
create operator class gist__ltree_ops default for type ltree[] using gist as
  operator 10 <@(ltree[], ltree), operator 11 @>(ltree, ltree[]),
  operator 12 ~(ltree[], lquery), operator 13 ~(lquery, ltree[]),
  operator 14 @(ltree[], ltxtquery), operator 15 @(ltxtquery, ltree[]),
  operator 16 ?(ltree[], lquery[]), operator 17 ?(lquery[], ltree[]);
"""


def _sides(signature: str) -> tuple[str, str, str]:
    name, _, arguments = signature.rstrip(")").partition("(")
    left, right = arguments.split(", ")
    return name, left, right


def _declarations() -> Iterator[str]:
    for _, name, *_ in COMPARISONS:
        yield f"ltree_{name}(ltree, ltree) bool = {name}"
    for signature, symbol, *_ in _TESTS:
        yield f"{signature} bool = {symbol}"
    for signature, symbol, _ in _FIRSTS:
        yield f"{signature} ltree = {symbol}"
    for count in range(2, 9):
        yield f"lca({', '.join(['ltree'] * count)}) ltree = common"


def _operators() -> Iterator[str]:
    for sign, name, commutator, negator in COMPARISONS:
        merges = ", merges" if sign == "=" else ""
        yield (
            f"create operator {sign} (leftarg = ltree, rightarg = ltree, procedure = ltree_{name}, "
            f"commutator = {commutator}, negator = {negator}{merges});"
        )
    for signature, _, signs, commutators in _TESTS:
        name, left, right = _sides(signature)
        for sign, commutator in zip(signs, commutators, strict=True):
            yield (
                f"create operator {sign} (leftarg = {left}, rightarg = {right}, "
                f"procedure = {name}, commutator = {commutator});"
            )
    for signature, _, sign in _FIRSTS:
        name, left, right = _sides(signature)
        yield f"create operator {sign} (leftarg = {left}, rightarg = {right}, procedure = {name});"
    for name, left, right in (
        ("ltree_addltree", "ltree", "ltree"),
        ("ltree_addtext", "ltree", "text"),
        ("ltree_textadd", "text", "ltree"),
    ):
        yield f"create operator || (leftarg = {left}, rightarg = {right}, procedure = {name});"
    yield _GIST


def _compared(name: str) -> Callable[[Ltree, Ltree], bool]:
    wanted = {
        "lt": (-1,),
        "le": (-1, 0),
        "eq": (0,),
        "ge": (0, 1),
        "gt": (1,),
        "ne": (-1, 1),
    }[name]
    return lambda left, right: order(left, right) in wanted


def _all_tests() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = dict(TESTS)
    found |= {f"one_{name}": _one_of(test) for name, test in TESTS.items()}
    found |= {f"turned_{name}": _turned(test) for name, test in found.items()}
    return found | {f"first_{name}": _first_of(test) for name, test in TESTS.items()}


LTREE: Final = Extension(
    name="ltree",
    version="1.2",
    comment="data type for hierarchical tree-like structures",
    declarations="""
subltree(ltree, int4, int4) ltree = subltree
subpath(ltree, int4, int4) ltree = subpath
subpath(ltree, int4) ltree = subpath
index(ltree, ltree) int4 = index
index(ltree, ltree, int4) int4 = index
nlevel(ltree) int4 = nlevel
ltree2text(ltree) text = text
text2ltree(text) ltree = of_text
lca(ltree[]) ltree = common_of_array
ltree_cmp(ltree, ltree) int4 = cmp
ltree_addltree(ltree, ltree) ltree = joined
ltree_addtext(ltree, text) ltree = with_text
ltree_textadd(text, ltree) ltree = behind_text
"""
    + "\n".join(_declarations()),
    functions={
        "subltree": _subltree,
        "subpath": _subpath,
        "index": _index,
        "nlevel": lambda path: len(path.labels),
        "text": Ltree.text,
        "of_text": parse_path,
        "common": lambda *paths: _common(paths),
        "common_of_array": lambda paths: _common(_items(paths)),
        "cmp": order,
        "joined": _joined,
        "with_text": lambda path, text: _joined(path, parse_path(text)),
        "behind_text": lambda text, path: _joined(parse_path(text), path),
        **{name: _compared(name) for _, name, *_ in COMPARISONS},
        **_all_tests(),
    },
    types=(
        BaseType(name="ltree", fields=PATH_FIELDS),
        BaseType(name="lquery", fields=text_fields("lquery", parse_lquery)),
        BaseType(
            name="ltxtquery",
            fields=text_fields("ltxtquery", parse_ltxtquery),
            functions=("ltxtq_in", "ltxtq_out", "ltxtq_recv", "ltxtq_send"),
        ),
    ),
    more="\n".join(_operators()),
)
