"""Why two servers may differ in a schedule: the differences that are known, each with a rule that says when it is one.

Rule 1: the first difference is judged, with what both had done until then; what comes after it follows from it.
Rule 2: a reason is about a mechanism, named by the statements and tables it needs; without these it explains nothing.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.isolation.schedule_play import Event
from tests.isolation.schedules import Schedule

WRITES = re.compile(
    r"\s*(?:with\b.*?\b)?(insert into|update|merge into)\s+(?:only\s+)?(\w+)", re.DOTALL
)
TABLE_LOCKS = re.compile(r"(truncate|lock table|alter table|create (unique )?index|reindex|drop )")
KEY_MOVES = re.compile(r"update (t|f) set \w+ = ")
UNIQUE = re.compile(r"\b(primary key|unique|exclude)\b")
DEFERRABLE = re.compile(r"create table (\w+) .*\b(unique|exclude)\b.*\bdeferrable\b")
REFERRING = re.compile(r"create table (\w+) .*\breferences\b")
CHECKS = ("commit", "set constraints", "prepare transaction", "insert", "update", "merge")
TAKEN = ("23505", "23P01")
NO_TURN = ("commit", "rollback", "prepare transaction", "commit prepared", "rollback prepared")
DEADLOCK = "40P01"


@dataclass(frozen=True, slots=True)
class First:
    """The first difference: what each server did, what both had done before, and what the other one does then."""

    made: Schedule
    before: Sequence[Event]
    ours: Event | None
    theirs: Event | None
    later: Sequence[Event] = ()

    @property
    def events(self) -> Iterator[Event]:
        """Those that there are of the two."""
        yield from (each for each in (self.ours, self.theirs) if each is not None)

    @property
    def is_same_step(self) -> bool:
        """Whether both are about the same statement of the same session."""
        ours, theirs = self.ours, self.theirs
        if ours is None or theirs is None:
            return False
        return (ours.session, ours.sql) == (theirs.session, theirs.sql)

    def open_statements(self, session: int) -> list[str]:
        """What a session has done in the transaction it is in, and what it waits with."""
        found: list[str] = []
        for event in self.before:
            if event.session != session:
                continue
            if event.sql.startswith(NO_TURN) and not event.waits:
                found = []
            elif not event.has_waited:
                found.append(event.sql)
        return found

    def waiting(self) -> dict[int, str]:
        """Who waits before the difference, and with what."""
        found = {}
        for event in self.before:
            if event.waits:
                found[event.session] = event.sql
            elif event.has_waited:
                found.pop(event.session, None)
        return found


@dataclass(frozen=True, slots=True)
class Reason:
    """A known difference."""

    name: str
    explains: Callable[[First], bool]


def _written(sql: str) -> str:
    found = WRITES.match(sql)
    return found[2] if found else ""


def _unique_keys(made: Schedule, table: str) -> int:
    """How many keys of a table are looked at for rivals."""
    own = re.compile(rf"create (unique index \w* ?on|table) {table}\b")
    return sum(len(UNIQUE.findall(sql)) for sql in made.setup if own.match(sql))


def line_for_one_of_several_keys(first: First) -> bool:
    """A row that waits for a rival of one unique key is in nobody's way by its others; PostgreSQL has made its entries.

    So there who writes into the table waits for somebody who waits himself, with a row of the same table.
    """
    ours, theirs = first.ours, first.theirs
    if not (first.is_same_step and ours and theirs and theirs.waits):
        return False
    table, waiting = _written(theirs.sql), first.waiting()
    lined_up = set(theirs.waits) - set(ours.waits)
    return (
        bool(table)
        and _unique_keys(first.made, table) > 1
        and bool(lined_up)
        and all(_written(waiting.get(session, "")) == table for session in lined_up)
    )


def referenced_once_more(first: First) -> bool:
    """A row that the transaction has written before is held against its foreign keys again when it changes elsewhere.

    So in PostgreSQL the rows that it refers to are locked FOR KEY SHARE, here only when the reference is new.
    """
    ours, theirs = first.ours, first.theirs
    if not (first.is_same_step and ours and theirs):
        return False
    holders = set(theirs.waits) - set(ours.waits)
    if not holders:
        return False
    own = _rewrites_referring(first, [*first.open_statements(ours.session), ours.sql])
    return own or all(_rewrites_referring(first, first.open_statements(each)) for each in holders)


def _rewrites_referring(first: First, statements: Sequence[str]) -> bool:
    written = Counter(map(_written, statements))
    return any(written[found[1]] > 1 for sql in first.made.setup if (found := REFERRING.match(sql)))


def destinations_are_locked_before(first: First) -> bool:
    """UPDATE of a partition key locks the partitions that its values lead to; PostgreSQL those that a row has come to.

    So such an UPDATE and a lock on a whole partition meet here, or meet earlier: the two differ in who waits.
    """
    ours, theirs = first.ours, first.theirs
    if not (first.is_same_step and ours and theirs and set(ours.waits) != set(theirs.waits)):
        return False
    if not any("partition of" in sql for sql in first.made.setup):
        return False
    others = set(ours.waits) ^ set(theirs.waits)
    own = [ours.sql, *first.open_statements(ours.session)]
    for session in others:
        his = first.open_statements(session)
        pairs = ((own, his), (his, own))
        if not any(
            any(map(KEY_MOVES.match, moves)) and any(map(TABLE_LOCKS.match, locks))
            for moves, locks in pairs
        ):
            return False
    return bool(others)


def another_rival(first: First) -> bool:
    """Of several rows that exclude a new one the index gives one first; who has it is waited for, or it is there."""
    if not first.is_same_step:
        return False
    table = next((_written(each.sql) for each in first.events), "")
    own = re.compile(rf"create table {table} .*\bexclude\b")
    is_told = any(each.outcome.startswith(("INSERT 0 0", "23P01")) for each in first.events)
    waits = any(each.waits for each in first.events)
    both = all(each.outcome.startswith("23P01") for each in first.events)
    return bool(table) and any(map(own.match, first.made.setup)) and is_told and (waits or both)


def deferred_check_of_both(first: First) -> bool:
    """Of two rows that a deferrable constraint keeps apart the one is told whose check comes first.

    Every new row has one here, and none that keeps its key; in PostgreSQL those that met somebody's entry when theirs
    were made.
    """
    tables = {found[1] for sql in first.made.setup if (found := DEFERRABLE.match(sql))}
    told = [each for each in first.events if each.outcome.startswith(TAKEN) or each.waits]
    if not (first.is_same_step and told and told[0].sql.startswith(CHECKS)):
        return False
    others = {session for each in told for session in each.waits}
    return all(
        any(_written(sql) in tables for sql in first.open_statements(session))
        or _written(told[0].sql if session == told[0].session else "") in tables
        for session in {told[0].session, *others}
    )


def another_victim(first: First) -> bool:
    """Of a circle whose waits began at one moment, or that PostgreSQL sees before it waits, either may be told of it.

    PostgreSQL's look before waiting does not know locks that were taken on the fast path.
    """
    found = list(first.events)
    told = [each for each in found if each.outcome.startswith(DEADLOCK)]
    if not told:
        return False
    return any(has_mutual_wait(first, each) for each in told)


def has_mutual_wait(first: First, told: Event) -> bool:
    """Whether somebody waits, directly or not, for who was told of the deadlock."""
    reached, found = {told.session}, True
    waits = {session: others for session, _, others in told.waiting}
    for each in first.events:
        if each.waits:
            waits[each.session] = each.waits
    while found:
        found = False
        for session, others in waits.items():
            if session not in reached and reached & set(others):
                reached.add(session)
                found = True
    return len(reached) > 1


def told_before_its_turn(first: First) -> bool:
    """Whose snapshot is too old for a row is told so as he goes on; in PostgreSQL he may lock the newer version first.

    So there he waits once more, for who has that version, and is told the same when that one has ended.
    """
    ours = first.ours
    if ours is None or not (ours.has_waited and ours.outcome.startswith("40001")):
        return False
    own = (event for event in first.later if event.session == ours.session)
    return next(own, None) == ours


def turn_ends_with_the_version(first: First) -> bool:
    """Who comes next for a row that a committed transaction has changed gives his turn back for a moment in PostgreSQL.

    He had it for the old version, and takes that of the new one; who stood behind him may be first.
    """
    ours, theirs = first.ours, first.theirs
    if not (ours and theirs and ours.has_waited and theirs.has_waited and first.before):
        return False
    waits = {session: set(others) for session, _, others in ours.waiting}
    pair = (ours.session, theirs.session)
    ended = first.before[-1]
    is_line = any(b in waits.get(a, ()) for a, b in (pair, pair[::-1]))
    is_next = any(ended.session in waits.get(each, ()) for each in pair)
    return is_line and is_next and ended.sql.startswith("commit")


def went_on_together(first: First) -> bool:
    """Several who waited for the same one go on when he ends, in an order that is chance where nobody has a turn.

    Who waits for a key, and not for a row, has none.
    """
    ours, theirs = first.ours, first.theirs
    if ours is None or theirs is None or not (ours.has_waited or theirs.has_waited):
        return False
    waits = {session: set(others) for session, _, others in (*ours.waiting, *theirs.waiting)}
    own = waits.get(ours.session if ours.has_waited else theirs.session, set())
    alike = [session for session, others in waits.items() if others & own]
    keys = [sql for session, sql, _ in (*ours.waiting, *theirs.waiting) if session in alike]
    return len(alike) > 1 and any(_written(sql) for sql in keys)


REASONS: tuple[Reason, ...] = (
    Reason("waits for one of several keys", line_for_one_of_several_keys),
    Reason("referenced once more", referenced_once_more),
    Reason("destinations locked before", destinations_are_locked_before),
    Reason("another rival", another_rival),
    Reason("deferred checks of both", deferred_check_of_both),
    Reason("another victim", another_victim),
    Reason("told before its turn", told_before_its_turn),
    Reason("turn ends with the version", turn_ends_with_the_version),
    Reason("went on together", went_on_together),
)


def first_difference(
    made: Schedule, ours: Sequence[Event], theirs: Sequence[Event]
) -> First | None:
    """Where two plays of a schedule part; None: nowhere."""
    if ours == theirs:
        return None
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((place for place, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
    mine, other = (each[place] if place < len(each) else None for each in (ours, theirs))
    return First(made, ours[:place], mine, other, theirs[place:])


def reason_of(first: First) -> str:
    """The name of the reason that explains it; empty: none does."""
    return next((each.name for each in REASONS if each.explains(first)), "")
