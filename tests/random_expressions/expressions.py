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
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from server.oids import FIRST_USER_OID
from tests.random_expressions.material import NARROW, WIDER_MATERIAL, Material
from tests.random_expressions.routines import (
    ENUM,
    POLYMORPHIC,
    Routine,
    Routines,
    catalog_rows,
)
from tests.support.wire import Question, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH = 400
PREPARE = ("set statement_timeout to 10000",)
TOGETHER = 12  # expressions that do not fail are asked so many in a statement
EXPLAINED: tuple[tuple[str, str], ...] = (
    ("skipped: *", "what there is to compare is left open"),
    ("bit(*54000", "beyond 2**27 bits PostgreSQL fails as it writes them, here they are not made"),
)
"""Patterns of classes that may differ, each with the reason."""


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

    def __init__(self, wire: Wire, seed: int, only: str = "", material: Material = NARROW) -> None:
        self.random = random.Random(seed)
        self.material = material
        self.kinds = tuple(material.values)
        self.callables: dict[str, list[Routine]] = defaultdict(list)
        self.groups: list[list[Routine]] = []
        for group in Routines(wire, material).groups():
            self.groups.append([made for made in group if only in made.signature])
        self.groups = [group for group in self.groups if group]
        for made in dict.fromkeys(each for group in self.groups for each in group):
            self.callables[made.result].append(made)

    def settings(self) -> tuple[str, ...]:
        """Settings for a batch: none, or one of each kind."""
        known = self.material.settings
        if known is None or self.random.random() < 0.5:
            return ()
        return tuple(f"SET {name} TO {self.random.choice(known[name])}" for name in known)

    def make(self) -> Expression:
        """A random expression."""
        called = self.random.choice(self.random.choice(self.groups))
        return self.call(called, self.random.choice((0, 0, 0, 1, 1, 2)))

    def call(self, called: Routine, depth: int) -> Expression:
        """A call with random arguments."""
        bound = self.bindings(called)
        inner = tuple(self.value(bound.get(each, each), depth) for each in called.arguments)
        return compose(called.signature, called.template, inner)

    def bindings(self, called: Routine) -> dict[str, str]:
        """Types for the polymorphic ones of a call."""
        names = {*called.arguments, called.result}
        element = self.random.choice(list(self.material.elements))
        if any(POLYMORPHIC.get(name) in ("r", "m") for name in names):
            element = self.random.choice(list(self.material.ranged))
        ranges = self.material.ranged.get(element, ("", ""))
        kinds = {
            "e": element,
            "a": self.material.elements[element],
            "r": ranges[0],
            "m": ranges[1],
            "n": ENUM,
        }
        return {name: kinds[kind] for name, kind in POLYMORPHIC.items()}

    def value(self, kind: str, depth: int) -> Expression:
        """A random expression of a type."""
        if depth and self.callables.get(kind) and self.random.random() < 0.7:
            return self.call(self.random.choice(self.callables[kind]), depth - 1)
        chance = self.random.random()
        if chance > 0.98 and self.material.has_pairs:  # another type, for the choice of functions
            kind = self.random.choice(self.kinds)
        if chance < 0.04:
            return Expression(f"NULL::{self.material.type_of(kind)}")
        if chance < 0.06 and kind in self.material.values:
            return Expression(quoted(self.random.choice(self.material.values["text"])))
        literal = quoted(self.random.choice(self.material.literals(kind)))
        return Expression(literal if chance < 0.12 else f"{literal}::{self.material.type_of(kind)}")


def quoted(text: str) -> str:
    """A literal."""
    escaped = text.replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{escaped}'"


class Answer(NamedTuple):
    """What an expression gave: its type and text, or an error's SQLSTATE and message, and where asked for the rest."""

    kind: int = 0
    text: bytes | None = None
    sqlstate: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
    position: str = ""


@dataclass(slots=True)
class Found:
    """Differences of one class."""

    number: int = 0
    examples: list[tuple[str, Answer, Answer]] = field(default_factory=list)


def asked(expressions: Sequence[Expression]) -> Question:
    """The question for expressions."""
    return Question(f"SELECT {', '.join(each.text for each in expressions)}", extended=True)


def answers_of(reply: Reply, *, whole: bool = False) -> list[Answer]:
    """What a reply says of each expression that was asked for; of errors the whole, or SQLSTATE and message."""
    if reply.sqlstate:
        answer = Answer(sqlstate=reply.sqlstate, message=reply.message)
        if whole:
            answer = answer._replace(detail=reply.detail, hint=reply.hint, position=reply.position)
        return [answer]
    (row,) = reply.rows
    return [
        Answer(min(kind, FIRST_USER_OID), text)
        for (_, kind), text in zip(reply.columns, row, strict=True)
    ]


class Comparison:
    """Both servers, and how they differ; of errors the whole, or SQLSTATE and message."""

    def __init__(self, reference: Wire, target: Wire, *, whole: bool = False) -> None:
        self.reference = reference
        self.target = target
        self.whole = whole
        self.settings: tuple[str, ...] = ()

    def set(self, settings: tuple[str, ...]) -> None:
        """Have both servers answer under settings."""
        self.settings = settings
        questions = [Question("RESET ALL"), *map(Question, (*PREPARE, *settings))]
        for wire in (self.reference, self.target):
            wire.ask(questions)

    def answers(self, expressions: list[Expression]) -> list[tuple[Answer, Answer]]:
        """What both say."""
        alone = [asked([each]) for each in expressions]
        theirs = [answers_of(reply, whole=self.whole)[0] for reply in self.reference.ask(alone)]
        ours = self._agreed(expressions, theirs)
        rest = [number for number, answer in enumerate(ours) if answer is None]
        for number, reply in zip(rest, self.target.ask([alone[n] for n in rest]), strict=True):
            (ours[number],) = answers_of(reply, whole=self.whole)
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
            kind = catalog_rows(self.reference, f"select {answer.kind}::regtype")[0][0]
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
        if left.sqlstate != right.sqlstate:
            return f"{left.sqlstate} not {right.sqlstate}"
        parts = ("message", "detail", "hint", "position")
        return next(name for name in parts if getattr(left, name) != getattr(right, name))
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
        comparison.set(maker.settings())
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
                told = "; ".join(comparison.settings)
                entry.examples.append(
                    (f"{small.text}  -- {told}" if told else small.text, left, right)
                )
    return found


def conninfo(address: str) -> str:
    """How to connect to host:port or host:port/database."""
    server, _, database = address.partition("/")
    host, _, port = server.partition(":")
    return f"host={host} port={port} user=postgres dbname={database or 'postgres'}"


def main() -> int:
    """Run and print what differs."""
    parser = argparse.ArgumentParser(description="Random expressions on both servers")
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="what the name of what is called contains")
    parser.add_argument(
        "--whole", action="store_true", help="compare details, hints and positions of errors"
    )
    parser.add_argument(
        "--wider", action="store_true", help="more types, values, settings and pairs of types"
    )
    parser.add_argument("--reference", default="127.0.0.1:54320")
    parser.add_argument("--target", default="127.0.0.1:5432")
    options = parser.parse_args()
    material = WIDER_MATERIAL if options.wider else NARROW
    reference, target = (
        Wire(conninfo(address), (*PREPARE, *material.made))
        for address in (options.reference, options.target)
    )
    started = time.perf_counter()
    found = run(
        Maker(reference, options.seed, options.only, material),
        Comparison(reference, target, whole=options.whole),
        options.number,
    )
    unexplained = 0
    for name, entry in sorted(found.items(), key=lambda item: -item[1].number):
        reason = next((why for pattern, why in EXPLAINED if fnmatchcase(name, pattern)), "")
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
        rest = (answer.detail, answer.hint, answer.position)
        told = f"{answer.sqlstate} {answer.message}"
        return " | ".join((told, *rest)) if any(rest) else told
    return f"{answer.kind} {answer.text!r}"[:300]


if __name__ == "__main__":
    sys.exit(main())
