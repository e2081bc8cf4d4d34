"""Random expressions for PostgreSQL and this server: python -m tests.random_expressions.expressions --number N.

What functions, operators and casts there are, PostgreSQL's catalog tells. Expressions are made of
values at the edges of their types, asked many at a time, and those that differ are made as small as
they still differ; differences are counted by what the smallest expression calls.

Rule 1: the same seed makes the same expressions.
Rule 2: text, type, SQLSTATE and message are compared; what may differ stands in EXPLAINED with a reason.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests.random_expressions.values import VALUES
from tests.support.wire import Question, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH = 400
PREPARE = ("set statement_timeout to 10000",)
TOGETHER = 12  # expressions that do not fail are asked so many in a statement
POLYMORPHIC = {
    "anyelement": "e", "anyarray": "a", "anynonarray": "e", "anycompatible": "e",
    "anycompatiblearray": "a", "anycompatiblenonarray": "e", "anyrange": "r", "anymultirange": "m",
    "anycompatiblerange": "r", "anycompatiblemultirange": "m",
}  # fmt: skip
ELEMENTS = {
    "int4": "_int4",
    "int8": "_int8",
    "float8": "_float8",
    "numeric": "_numeric",
    "text": "_text",
    "bool": "_bool",
    "date": "_date",
    "jsonb": "_jsonb",
}
RANGED = {
    "int4": ("int4range", "int4multirange"),
    "numeric": ("numrange", "nummultirange"),
    "date": ("daterange", "datemultirange"),
}
LEFT_OUT = (
    "pg_", "txid_", "current_", "session_", "inet_client", "inet_server", "has_", "lo_", "brin_", "gin", "gist",
    "spg", "bt", "query_to", "table_to", "schema_to", "database_to", "cursor_to", "ts_", "xml", "xpath", "to_reg",
    "now", "statement_timestamp", "transaction_timestamp", "clock", "timeofday", "version", "obj_desc", "col_desc",
    "shobj", "set_config", "getdatabase", "getpgusername", "row_security", "make_tsvector", "age", "binary_",
    "repeat", "lpad", "rpad", "generate_series", "unnest", "mxid", "suppress", "RI_", "format_type", "json_to_",
    "jsonb_to_", "json_populate", "jsonb_populate", "to_ascii", "convert", "iso", "utf8", "koi8", "win", "mic",
    "euc", "sjis", "shift", "big5", "gb", "johab", "uhc", "latin", "ascii_to", "numerictypmod", "websearch",
    "plainto", "phraseto", "setweight", "tsquery", "tsvector", "querytree", "numnode", "strip", "acl", "make_acl",
    "lastval", "currval", "nextval", "setval", "pow_", "regexp_split_to_table", "string_to_table", "jsonb_path",
    "amvalidate", "nameconcat", "fmgr_", "hash_acl", "datetime", "xid", "cid", "tid",
)  # fmt: skip
EXPLAINED: tuple[tuple[str, str], ...] = (
    ("skipped: ", "what there is to compare is left open"),
    ("int4_avg_combine(", "PostgreSQL lets it be called by aggregates only"),
    ("int2_sum(", "a step of an aggregate; here it refuses to overflow"),
    ("int4_sum(", "a step of an aggregate; here it refuses to overflow"),
    ("range_intersect_agg_transfn(", "PostgreSQL lets it be called by aggregates only"),
    ("multirange_intersect_agg_transfn(", "PostgreSQL lets it be called by aggregates only"),
    ("bpchar(char)", "one byte of several is no text here"),
    ("bpcharcmp(", "only the sign of a comparison has a meaning"),
    ("bttextcmp(", "only the sign of a comparison has a meaning"),
    ("bpchar(bpchar,int4,bool): message", "lengths near 2**31 overflow in PostgreSQL"),
    ('"bit"(', "lengths near 2**31 overflow in PostgreSQL"),
)
"""Beginnings of classes that may differ, each with the reason."""


@dataclass(frozen=True, slots=True)
class Routine:
    """Something that can be called: its name, how it is written, its arguments and its result."""

    name: str
    kind: str  # f function, o operator, c cast
    arguments: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as text, with what it calls and the expressions in it."""

    text: str
    called: str = ""
    inner: tuple[Expression, ...] = ()
    template: tuple[str, ...] = ()  # the text between the inner ones

    def with_inner(self, number: int, other: Expression) -> Expression:
        """The same with another expression inside."""
        inner = (*self.inner[:number], other, *self.inner[number + 1 :])
        return compose(self.called, self.template, inner)


def compose(called: str, template: tuple[str, ...], inner: tuple[Expression, ...]) -> Expression:
    """An expression of the texts between its parts, and the parts."""
    text = template[0]
    for part, following in zip(inner, template[1:], strict=True):
        text += part.text + following
    return Expression(text, called, inner, template)


class Maker:
    """Makes expressions of what a catalog lists."""

    def __init__(self, wire: Wire, seed: int, only: str = "") -> None:
        self.random = random.Random(seed)
        self.callables: dict[str, list[Routine]] = defaultdict(list)
        self.all: list[Routine] = []
        for made in (*_functions(wire), *_operators(wire), *_casts(wire)):
            if only and only not in made.name:
                continue
            self.callables[made.result].append(made)
            self.all.append(made)

    def make(self) -> Expression:
        """A random expression."""
        return self.call(self.random.choice(self.all), self.random.choice((0, 0, 0, 1, 1, 2)))

    def call(self, called: Routine, depth: int) -> Expression:
        """A call with random arguments."""
        bound = self.bindings(called)
        inner = tuple(self.value(bound.get(each, each), depth) for each in called.arguments)
        signature = f"{called.name}({','.join(called.arguments)})"
        if called.kind == "c":
            return compose(signature, ("(", f")::{bound.get(called.result, called.result)}"), inner)
        if called.kind == "o":
            sides = ("(", f" {called.name} ", ")") if len(inner) == 2 else (f"({called.name} ", ")")
            return compose(signature, sides, inner)
        between = ", " if inner else ""
        template = (f"{called.name}(", *[between] * (len(inner) - 1), ")")
        return compose(signature, template if inner else (f"{called.name}()",), inner)

    def bindings(self, called: Routine) -> dict[str, str]:
        """Types for the polymorphic ones of a call."""
        names = {*called.arguments, called.result}
        element = self.random.choice(list(ELEMENTS))
        if any(POLYMORPHIC.get(name) in ("r", "m") for name in names):
            element = self.random.choice(list(RANGED))
        ranges = RANGED.get(element, ("", ""))
        kinds = {"e": element, "a": ELEMENTS[element], "r": ranges[0], "m": ranges[1]}
        return {name: kinds[kind] for name, kind in POLYMORPHIC.items()}

    def value(self, kind: str, depth: int) -> Expression:
        """A random expression of a type."""
        if depth and self.callables.get(kind) and self.random.random() < 0.7:
            return self.call(self.random.choice(self.callables[kind]), depth - 1)
        chance = self.random.random()
        if chance < 0.04:
            return Expression(f"NULL::{written(kind)}")
        if chance < 0.06 and kind in VALUES:
            return Expression(quoted(self.random.choice(VALUES["text"])))
        literal = quoted(self.random.choice(VALUES.get(kind, VALUES["text"])))
        return Expression(literal if chance < 0.12 else f"{literal}::{written(kind)}")


def written(kind: str) -> str:
    """A type by its catalog name, as SQL."""
    return {"char": '"char"', "bit": "bit varying"}.get(kind, kind)


def quoted(text: str) -> str:
    """A literal."""
    escaped = text.replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{escaped}'"


def _rows(wire: Wire, query: str) -> list[tuple[str, ...]]:
    (answer,) = wire.ask([Question(query)])
    assert not answer.sqlstate, answer
    return [tuple((cell or b"").decode() for cell in row) for row in answer.rows]


def _known(kinds: tuple[str, ...]) -> bool:
    return all(kind in VALUES or kind in POLYMORPHIC for kind in kinds)


def _functions(wire: Wire) -> list[Routine]:
    found = []
    for name, arguments, result in _rows(
        wire,
        "select proname, (select string_agg(t.typname, ' ' order by o) from unnest(proargtypes) with "
        "ordinality a(oid, o) join pg_type t on t.oid = a.oid), r.typname from pg_proc p join pg_type r "
        "on r.oid = prorettype where pronamespace = 11 and prokind = 'f' and not proretset and "
        "provolatile <> 'v' and provariadic = 0 and p.oid < 16384 order by p.oid",
    ):
        kinds = tuple(arguments.split())
        if kinds == ("int4", "circle"):  # as many points as one asks for
            continue
        if (
            _known(kinds)
            and not name.startswith(LEFT_OUT)
            and (result in VALUES or result in POLYMORPHIC)
        ):
            found.append(Routine(f'"{name}"' if name in QUOTED else name, "f", kinds, result))
    return found


QUOTED = (
    "overlay",
    "position",
    "substring",
    "trim",
    "char",
    "float4",
    "bit",
    "overlaps",
    "time",
    "timestamp",
    "timetz",
    "interval",
    "numeric",
    "timestamptz",
    "like",
    "notlike",
    "varchar",
    "normalize",
)


def _operators(wire: Wire) -> list[Routine]:
    found = []
    for name, left, right, result in _rows(
        wire,
        "select oprname, l.typname, r.typname, s.typname from pg_operator o left join pg_type l on "
        "l.oid = oprleft join pg_type r on r.oid = oprright join pg_type s on s.oid = oprresult "
        "where oprnamespace = 11 and oprcode <> 0 order by o.oid",
    ):
        kinds = tuple(filter(None, (left, right)))
        if _known(kinds) and (result in VALUES or result in POLYMORPHIC):
            found.append(Routine(name, "o", kinds, result))
    return found


def _casts(wire: Wire) -> list[Routine]:
    pairs = _rows(
        wire,
        "select s.typname, t.typname from pg_cast c join pg_type s on s.oid = castsource join pg_type t "
        "on t.oid = casttarget where castsource <> casttarget order by c.oid",
    )
    pairs += [(kind, "text") for kind in VALUES] + [("text", kind) for kind in VALUES]
    return [
        Routine(written(target), "c", (source,), target)
        for source, target in pairs
        if source in VALUES and target in VALUES
    ]


class Answer(NamedTuple):
    """What an expression gave: its type and text, or an error's SQLSTATE and message."""

    kind: int = 0
    text: bytes | None = None
    sqlstate: str = ""
    message: str = ""


@dataclass(slots=True)
class Found:
    """Differences of one class."""

    number: int = 0
    examples: list[tuple[str, Answer, Answer]] = field(default_factory=list)


def asked(expressions: Sequence[Expression]) -> Question:
    """The question for expressions."""
    return Question(f"SELECT {', '.join(each.text for each in expressions)}", extended=True)


def answers_of(reply: Reply) -> list[Answer]:
    """What a reply says of each expression that was asked for."""
    if reply.sqlstate:
        return [Answer(sqlstate=reply.sqlstate, message=reply.message)]
    (row,) = reply.rows
    return [Answer(kind, text) for (_, kind), text in zip(reply.columns, row, strict=True)]


class Comparison:
    """Both servers, and how they differ."""

    def __init__(self, reference: Wire, target: Wire) -> None:
        self.reference = reference
        self.target = target

    def answers(self, expressions: list[Expression]) -> list[tuple[Answer, Answer]]:
        """What both say."""
        alone = [asked([each]) for each in expressions]
        theirs = [answers_of(reply)[0] for reply in self.reference.ask(alone)]
        ours = self._agreed(expressions, theirs)
        rest = [number for number, answer in enumerate(ours) if answer is None]
        for number, reply in zip(rest, self.target.ask([alone[n] for n in rest]), strict=True):
            (ours[number],) = answers_of(reply)
        return list(zip(theirs, ours, strict=True))  # type: ignore[arg-type]

    def _agreed(self, expressions: list[Expression], theirs: list[Answer]) -> list[Answer | None]:
        """The answers here that are the reference's, of expressions that do not fail there: many in a statement."""
        found: list[Answer | None] = [None] * len(expressions)
        good = [number for number, answer in enumerate(theirs) if not answer.sqlstate]
        parts = [good[at : at + TOGETHER] for at in range(0, len(good), TOGETHER)]
        replies = self.target.ask([asked([expressions[n] for n in part]) for part in parts])
        for part, reply in zip(parts, replies, strict=True):
            for number, answer in zip(part, answers_of(reply), strict=False):
                if answer == theirs[number]:
                    found[number] = answer
        return found

    def smallest(self, expression: Expression) -> Expression:
        """A part of an expression that differs while its own parts do not."""
        while True:
            parts = [part for part in expression.inner if part.called]
            differing = [
                part
                for part, (left, right) in zip(parts, self.answers(parts), strict=True)
                if left != right
            ]
            if not differing:
                return self.plainer(expression)
            expression = differing[0]

    def several_are_bad(self, expression: Expression, left: Answer, right: Answer) -> bool:
        """Whether each side tells of another bad argument: which of several is met first is nobody's promise."""
        if not (left.sqlstate and right.sqlstate):
            return False
        own = [each for pair in self.answers(list(expression.inner)) for each in pair]
        return left in own and right in own

    def plainer(self, expression: Expression) -> Expression:
        """The same with the values of its parts instead of the parts, where it still differs."""
        for number, part in enumerate(expression.inner):
            if not part.called:
                continue
            ((answer, _),) = self.answers([part])
            if answer.sqlstate or answer.text is None:
                continue
            kind = _rows(self.reference, f"select {answer.kind}::regtype")[0][0]
            other = expression.with_inner(
                number, Expression(f"{quoted(answer.text.decode(errors='replace'))}::{kind}")
            )
            ((left, right),) = self.answers([other])
            if left != right:
                expression = other
        return expression


def kind_of(left: Answer, right: Answer) -> str:
    """How two answers differ, in words."""
    if left.sqlstate and right.sqlstate:
        return (
            "message"
            if left.sqlstate == right.sqlstate
            else f"{left.sqlstate} not {right.sqlstate}"
        )
    if right.sqlstate:
        return f"fails {right.sqlstate}"
    if left.sqlstate:
        return f"does not fail {left.sqlstate}"
    return "type" if left.kind != right.kind else "value"


def run(maker: Maker, comparison: Comparison, number: int) -> dict[str, Found]:
    """Ask so many expressions; the differences by class."""
    found: dict[str, Found] = defaultdict(Found)
    seen: Counter[str] = Counter()
    for done in range(0, number, BATCH):
        expressions = [maker.make() for _ in range(min(BATCH, number - done))]
        for expression, (left, right) in zip(
            expressions, comparison.answers(expressions), strict=True
        ):
            if left == right:
                continue
            if "statement timeout" in left.message:
                found["skipped: PostgreSQL took too long"].number += 1
                continue
            seen[expression.called] += 1
            if seen[expression.called] > 40:  # the class is known well enough
                found[f"{expression.called}: more of it"].number += 1
                continue
            small = comparison.smallest(expression)
            ((left, right),) = comparison.answers([small])
            if left == right or comparison.several_are_bad(small, left, right):
                why = "not so when asked again" if left == right else "several arguments are bad"
                found[f"skipped: {why}"].number += 1
                continue
            entry = found[f"{small.called}: {kind_of(left, right)}"]
            entry.number += 1
            if len(entry.examples) < 3:
                entry.examples.append((small.text, left, right))
    return found


def main() -> int:
    """Run and print what differs."""
    parser = argparse.ArgumentParser(description="Random expressions on both servers")
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="what the name of what is called contains")
    parser.add_argument("--reference", default="127.0.0.1:54320")
    parser.add_argument("--target", default="127.0.0.1:5432")
    options = parser.parse_args()
    reference, target = (
        Wire(f"host={host} port={port} user=postgres dbname=postgres", PREPARE)
        for host, port in (each.split(":") for each in (options.reference, options.target))
    )
    started = time.perf_counter()
    found = run(
        Maker(reference, options.seed, options.only), Comparison(reference, target), options.number
    )
    unexplained = 0
    for name, entry in sorted(found.items(), key=lambda item: -item[1].number):
        reason = next((reason for start, reason in EXPLAINED if name.startswith(start)), "")
        unexplained += 0 if reason else entry.number
        sys.stdout.write(f"{entry.number:6} {name}{'  -- ' + reason if reason else ''}\n")
        for text, left, right in entry.examples:
            sys.stdout.write(
                f"         {text}\n             {shown(left)}\n             {shown(right)}\n"
            )
    seconds = time.perf_counter() - started
    total = sum(entry.number for entry in found.values())
    sys.stdout.write(
        f"{options.number} expressions in {seconds:.0f} s, seed {options.seed}: {total} differ, "
        f"{unexplained} without a reason\n"
    )
    return 1 if unexplained else 0


def shown(answer: Answer) -> str:
    """An answer in a line."""
    if answer.sqlstate:
        return f"{answer.sqlstate} {answer.message}"
    return f"{answer.kind} {answer.text!r}"[:300]


if __name__ == "__main__":
    sys.exit(main())
