"""Runs random sequences of changes on this server and on PostgreSQL 15, and shrinks those that come out differently.

python -m tests.random_changes.run --dsn DSN --reference DSN --count 100 [--first SEED]

After each statement its tag, rows, notices and error are compared, and what the tables hold. At the end of a sequence
indexes are checked here: amcheck's checks, and queries with and without them.

Rule 1: the same seed makes the same sequence.
Rule 2: what may differ stands in FREE with a reason, is counted, and ends its sequence.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from tests.random_changes.changes import Changes
from tests.random_changes.tables import TABLES, statements
from tests.random_queries.run import CANCELLED, Answer, Side, answer_of
from tests.support.contest import arguments_of, play_all
from tests.support.wire import Question, ask_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.wire import Reply

STEPS: Final = 40
STATE: Final = " union all ".join(
    f"select {name}.tableoid::regclass::text, {name}::text from {name}" for name in TABLES
)
FAILED: Final = "E"
BODIES: Final = ("insert", "update", "delete", "merge")
ORDERED: Final = ("21000", "23505", "23P01", "23514", "23502", "23503")


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, and the way in which it is sent."""

    sql: str
    way: str = "simple"

    def question(self) -> Question:
        """What is sent."""
        return Question(self.text(), self.way == "extended")

    def text(self) -> str:
        """The text of what is sent."""
        if self.way == "body":
            return f"do $body$ begin {self.sql}; end $body$"
        if self.way == "prepared":
            return f"deallocate all; prepare p as {self.sql}; execute p"
        if self.way == "caught":
            return (
                f"do $body$ begin {self.sql}; exception when others then "
                "raise notice '% %', sqlstate, sqlerrm; end $body$"
            )
        return self.sql

    def __str__(self) -> str:
        return self.text() + ("" if self.way != "extended" else "  -- extended")


@dataclass(frozen=True, slots=True)
class Difference:
    """What both servers made of the last step of a sequence."""

    step: Step
    ours: object
    theirs: object
    kind: str


def _is_constraint(answer: Answer) -> bool:
    told = " ".join(message for message, _ in answer.notices)
    return answer.sqlstate[:2] in ("21", "23") or any(state in told for state in ORDERED)


def _has_several_rows(step: Step) -> bool:
    """Whether a statement is about more than one row that constraints look at."""
    return not step.sql.startswith("insert") or "), (" in step.sql or " select " in step.sql


def _keys_in_order_of_rows(step: Step, ours: Answer, theirs: Answer) -> bool:
    moved = step.sql.startswith(("update", "merge", "with", "alter"))
    return moved and (_is_constraint(ours) or _is_constraint(theirs))


def _first_bad_row(step: Step, ours: Answer, theirs: Answer) -> bool:
    return _has_several_rows(step) and _is_constraint(ours) and _is_constraint(theirs)


def _several_mistakes(step: Step, ours: Answer, theirs: Answer) -> bool:
    return step.sql.startswith(("alter", "create")) and bool(ours.sqlstate and theirs.sqlstate)


def _too_slow(step: Step, ours: Answer, theirs: Answer) -> bool:
    return CANCELLED in (ours.sqlstate, theirs.sqlstate)


FREE: Final[tuple[tuple[Callable[[Step, Answer, Answer], bool], str], ...]] = (
    (_keys_in_order_of_rows, "a key that is free or taken by the order in which rows are changed"),
    (_first_bad_row, "which of several bad rows, or constraints of theirs, is met first"),
    (_several_mistakes, "which of several mistakes in a definition is named"),
    (_too_slow, "statement timeout"),
)
"""What may differ, with the reason."""


class Contest:
    """Both servers."""

    def __init__(self, dsn: str, reference: str) -> None:
        self.sides = (Side(dsn, "rc"), Side(reference, "rc"))
        self.sides[0].ask("set vacuum_seal_min_age to 0")  # VACUUM seals
        self.steps = 0
        self.errors: Counter[str] = Counter()
        self.free: Counter[str] = Counter()

    def take(self, steps: Sequence[Step]) -> tuple[Difference, int] | None:
        """Take steps until something differs, be it an answer or what the tables hold: what, and at which of them."""
        questions = [Question(text) for text in _ANEW]
        for step in steps:
            questions += [step.question(), Question(STATE)]
        both = ask_all([side.wire for side in self.sides], [questions, questions])
        replies = list(zip(*both, strict=True))[len(_ANEW) :]
        for number, step in enumerate(steps):
            self.steps += 1
            answered, state = replies[2 * number : 2 * number + 2]
            found = self.compared(step, answered) or self.compared_state(state)
            if found:
                return found, number
        indexes = self.indexes()
        return (indexes, len(steps) - 1) if indexes else None

    def compared(self, step: Step, replies: tuple[Reply, Reply]) -> Difference | None:
        """What differs in the answers to a step."""
        ours, theirs = map(answer_of, replies)
        if ours.same(theirs) and (ours.message, ours.notices) == (theirs.message, theirs.notices):
            self.errors[ours.sqlstate] += 1
            return None
        kind = f"{ours.sqlstate or ours.tag}/{theirs.sqlstate or theirs.tag}"
        return Difference(step, ours, theirs, kind)

    def compared_state(self, replies: tuple[Reply, Reply]) -> Difference | None:
        """What differs in what the tables hold."""
        if any(reply.status == FAILED for reply in replies):
            return None
        ours, theirs = map(answer_of, replies)
        return (
            None if ours.same(theirs) else Difference(Step(STATE), *_unlike(ours, theirs), "state")
        )

    def indexes(self) -> Difference | None:
        """What the indexes here have that their tables have not."""
        ours = self.sides[0]
        ours.ask("rollback")
        found = ours.ask(
            "select count(bt_index_check(i.indexrelid, true)) from pg_index i join pg_class c on c.oid = i.indexrelid "
            "join pg_am a on a.oid = c.relam where c.relnamespace = 'rc'::regnamespace and amname = 'btree' "
            "and c.relkind = 'i'"
        )
        if found.sqlstate:
            return Difference(Step("bt_index_check"), found, "", "index")
        switched = [
            [Question(f"set enable_seqscan to {switch}"), *map(Question, _PROBES)]
            for switch in ("on", "off")
        ]
        replies = ours.wire.ask([*switched[0], *switched[1], Question("reset enable_seqscan")])
        answers = [answer_of(reply) for reply in replies]
        count = 1 + len(_PROBES)
        for query, scanned, looked_up in zip(
            _PROBES, answers[1:count], answers[count + 1 : 2 * count], strict=True
        ):
            if not scanned.same(looked_up):
                return Difference(Step(query), looked_up, scanned, "index")
        return None

    def play(self, seed: int) -> bool:
        """A whole sequence; writes down how it differs."""
        steps, fixed = sequence(seed)
        found = self.take(steps)
        if found is None:
            return True
        difference, number = found
        reason = free(difference)
        if reason:
            self.free[reason] += 1
            return True
        steps = self.shrunk(steps[: number + 1], fixed, difference)
        again = self.take(steps)
        difference = again[0] if again else difference
        lines = [f"seed {seed} {difference.kind}", *(f"  {step};" for step in steps[fixed - 2 :])]
        lines += [f"  at         {difference.step}"[:300]]
        lines += [f"  here       {difference.ours}", f"  PostgreSQL {difference.theirs}", ""]
        sys.stdout.write("\n".join(lines))
        sys.stdout.flush()
        return False

    def shrunk(self, steps: list[Step], fixed: int, difference: Difference) -> list[Step]:
        """Fewer steps that still differ in the same way."""
        attempts, size = 0, max(1, (len(steps) - fixed) // 2)
        while size and attempts < 60:
            at = fixed
            while at < len(steps) - 1 and attempts < 60:
                fewer = steps[:at] + steps[min(at + size, len(steps) - 1) :]
                attempts += 1
                found = self.take(fewer)
                if found and found[0].kind == difference.kind and not free(found[0]):
                    steps = fewer[: found[1] + 1]
                else:
                    at += size
            size //= 2
        return steps


_ANEW: Final = ("rollback", "drop schema if exists rc cascade")
_PROBES: Final = (
    *(f"select id, k, a, b from t where id = {n}" for n in (0, 1, 3, 5, 12, 101)),
    *(f"select id, k, a, b from t where k = {n}" for n in (1, 3)),
    *(f"select id, k, a, b from t where a = {n}" for n in (1, 2, 4)),
    "select id, k, a, b from t where a > 2 and b is not null",
    "select id, k, a, b from t where b = 'a'",
    "select id, k, a, b from t where upper(b) = 'A'",
    "select id, k, a, b from t where a + k = 4",
    "select id, k, a, e from t where e @> '{2}'",
    "select id, k, a, j from t where j @> '{\"x\": 1}'",
    "select id, k, a, r from t where r && '[2,4)'",
    "select id, k, a, c from t where c < 2",
    "select t_id, n from child where t_id = 3",
    "select * from parent where id = 3",
    "select * from parent where name = 'a'",
)


def free(difference: Difference) -> str:
    """Why something may differ, or nothing."""
    ours, theirs = difference.ours, difference.theirs
    if difference.kind in ("state", "index"):
        return ""
    assert isinstance(ours, Answer)
    assert isinstance(theirs, Answer)
    return next((reason for test, reason in FREE if test(difference.step, ours, theirs)), "")


def sequence(seed: int) -> tuple[list[Step], int]:
    """The steps of a seed, and how many of the first have to stay."""
    random = Random(seed)
    made = statements(random)
    fixed = 1 + max(n for n, text in enumerate(made) if text.startswith("create view"))
    changes = Changes(random)
    steps = [Step(text) for text in made]
    for _ in range(STEPS):
        step = Step(changes.statement(), random.choice(("simple", "simple", "extended")))
        if step.sql.startswith(BODIES) and "returning" not in step.sql and random.random() < 0.2:
            step = replace(step, way=random.choice(("body", "caught")))
        elif step.sql.startswith(BODIES[:3]) and random.random() < 0.1:
            step = replace(step, way="prepared")
        steps.append(step)
    return steps, fixed


def _unlike(ours: Answer, theirs: Answer) -> tuple[object, object]:
    """The rows of two answers that the other has not."""
    if ours.sqlstate or theirs.sqlstate:
        return ours, theirs
    mine, other = (Counter(dict(answer.rows)) for answer in (ours, theirs))
    return list((mine - other).elements())[:6], list((other - mine).elements())[:6]


def main() -> int:
    """1 when there was a difference."""
    arguments = arguments_of(__doc__, count=100)
    contest = Contest(arguments.dsn, arguments.reference)
    differed = play_all(contest, arguments)
    states = ", ".join(
        f"{state or 'done'} {count}" for state, count in contest.errors.most_common()
    )
    sys.stdout.write(f"{contest.steps} steps ({states})\n")
    return 1 if differed else 0


if __name__ == "__main__":
    sys.exit(main())
