"""SequenceValues: what nextval, setval and pg_sequences read and write of a sequence's value.

A sequence has a relation of one row (last value, whether it has been given out). Values are not
part of the user's transaction: a value given out stays given out, so the row is overwritten in
place. It is written ahead by LOG_AHEAD values (as PostgreSQL's SEQ_LOG_VALS), so that most calls
write nothing; a crash skips what was not given out.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.errors import NumericValueOutOfRange, SequenceGeneratorLimitExceeded
from storage.engine import Engine, Kind, Transaction
from storage.errors import NoSuchRelation

if TYPE_CHECKING:
    from server.catalog.objects import Sequence

LOG_AHEAD = 32
SEQUENCE_KINDS = (Kind.INT64, Kind.BOOL)


@dataclass(slots=True)
class Counter:
    """A sequence in use: the last value given out, and how many more are covered by what is stored."""

    last_value: int
    is_called: bool
    row_id: int
    ahead: int = 0


def create_values(
    transaction: Transaction,
    sequence: Sequence,
    last_value: int | None = None,
    *,
    is_called: bool = False,
) -> None:
    """Make the relation of a new sequence, in the transaction that creates it."""
    is_logged = sequence.persistence == "p"
    table = transaction.create_relation(sequence.storage_id, SEQUENCE_KINDS, logged=is_logged)
    start = sequence.start if last_value is None else last_value
    with transaction.engine.latch:
        table.insert_row(transaction, (start, is_called))


class SequenceValues:
    """The values of all sequences of a server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counters: dict[int, Counter] = {}
        self.set_count = 0  # how often anybody has said which value is next

    def next_value(self, sequence: Sequence) -> int:
        """Give out the next value.

        Raises SequenceGeneratorLimitExceeded at the end of one that does not cycle.
        """
        with self._engine.latch:
            counter = self._counter(sequence)
            value = _following(sequence, counter)
            if counter.ahead:
                counter.ahead -= 1
            else:
                self._store(sequence, counter, _ahead(sequence, value), is_called=True)
                counter.ahead = _covered(sequence, value)
            counter.last_value, counter.is_called = value, True
            return value

    def next_values(self, sequence: Sequence, count: int) -> range | list[int]:
        """As next_value, so many times."""
        with self._engine.latch:
            counter, step = self._counter(sequence), sequence.increment
            last = counter.last_value + (count + LOG_AHEAD + 1) * step
            if not sequence.minimum <= last <= sequence.maximum:
                return [self.next_value(sequence) for _ in range(count)]
            first = _following(sequence, counter)
            found = range(first, first + count * step, step)
            ahead = counter.ahead - count
            if ahead < 0:  # as many are written ahead as if each had been asked for
                ahead = LOG_AHEAD - (-ahead - 1) % (LOG_AHEAD + 1)
                self._store(sequence, counter, found[-1] + ahead * step, is_called=True)
            counter.last_value, counter.is_called, counter.ahead = found[-1], True, ahead
            return found

    def set_value(self, sequence: Sequence, value: int, is_called: bool) -> None:
        """Say which value was given out last (or, not called, is given out next)."""
        if not sequence.minimum <= value <= sequence.maximum:
            raise NumericValueOutOfRange(
                f'setval: value {value} is out of bounds for sequence "{sequence.name}" '
                f"({sequence.minimum}..{sequence.maximum})"
            )
        with self._engine.latch:
            counter = self._counter(sequence)
            self._store(sequence, counter, value, is_called=is_called)
            self.set_count += 1
            counter.last_value, counter.is_called, counter.ahead = value, is_called, 0

    def read(self, sequence: Sequence) -> tuple[int, int, bool]:
        """last_value, log_cnt and is_called, as SELECT from a sequence shows them."""
        with self._engine.latch:
            counter = self._counter(sequence)
            return counter.last_value, counter.ahead, counter.is_called

    def settle(self) -> None:
        """Before a clean stop: store what was really given out, so that nothing is skipped."""
        with self._engine.latch:
            for storage_id, counter in self._counters.items():
                if counter.ahead:
                    with suppress(NoSuchRelation):  # dropped since it was used
                        self._write(
                            storage_id, counter, counter.last_value, is_called=counter.is_called
                        )
                    counter.ahead = 0

    def _counter(self, sequence: Sequence) -> Counter:
        found = self._counters.get(sequence.storage_id)
        if found is None:
            found = self._counters[sequence.storage_id] = self._load(sequence)
        return found

    def _load(self, sequence: Sequence) -> Counter:
        table = self._engine.relation(sequence.storage_id)
        if not table.group_count:  # a crash has emptied one that is not logged
            anew = self._engine.begin()
            table.insert_row(anew, (sequence.start, False))
            anew.commit()
        # The row may belong to a transaction that has not committed: nobody else knows the sequence
        # then.
        last_value, is_called = table.values(0)
        assert isinstance(last_value, int)
        return Counter(last_value, bool(is_called), 0)

    def _store(self, sequence: Sequence, counter: Counter, value: int, *, is_called: bool) -> None:
        self._write(sequence.storage_id, counter, value, is_called=is_called)

    def _write(self, storage_id: int, counter: Counter, value: int, *, is_called: bool) -> None:
        self._engine.relation(storage_id).overwrite(counter.row_id, (value, is_called))


def _following(sequence: Sequence, counter: Counter) -> int:
    if not counter.is_called:
        return counter.last_value
    value = counter.last_value + sequence.increment
    if sequence.minimum <= value <= sequence.maximum:
        return value
    if sequence.cycle:
        return sequence.minimum if sequence.increment > 0 else sequence.maximum
    end = "maximum" if sequence.increment > 0 else "minimum"
    limit = sequence.maximum if sequence.increment > 0 else sequence.minimum
    raise SequenceGeneratorLimitExceeded(
        f'nextval: reached {end} value of sequence "{sequence.name}" ({limit})'
    )


def _covered(sequence: Sequence, value: int) -> int:
    """How many further values may be given out on the strength of one write."""
    limit = sequence.maximum if sequence.increment > 0 else sequence.minimum
    room = abs(limit - value) // abs(sequence.increment)
    return min(LOG_AHEAD, room)


def _ahead(sequence: Sequence, value: int) -> int:
    return value + _covered(sequence, value) * sequence.increment
