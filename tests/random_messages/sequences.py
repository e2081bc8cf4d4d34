"""Sequences of messages by their seed.

Rule 1: the same seed makes the same sequence.
Rule 2: messages come in batches, at whose ends a client may wait: behind Sync, or a Query that no series stands before.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from tests.random_messages.messages import (
    Bind,
    Close,
    Describe,
    Execute,
    Message,
    Parse,
    Plain,
    Query,
    Sync,
)
from tests.random_messages.statements import COPIED, COPIES_IN, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STEPS_MAX: Final = 7
STATEMENT_NAMES: Final = ("s1", "s2")
PORTAL_NAMES: Final = ("p1", "p2")
VALUES: Final = (b"1", b"2", b"3", b"50", b"abc", None, b"\0\0\0\1", b"")
TYPES: Final = (0, 23, 25, 20)

Step = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps, and whether the client waits for the answers of a batch before it sends the next."""

    steps: tuple[Step, ...]
    waits: bool

    def batches(self) -> list[bytes]:
        """What is sent at a time."""
        found = list(_batches(message for step in self.steps for message in step))
        return found if self.waits else [b"".join(found)]

    def __str__(self) -> str:
        way = "waits" if self.waits else "in one go"
        return "\n".join([way, *(f"  {message}" for step in self.steps for message in step)])


def _batches(messages: Iterable[Message]) -> Iterator[bytes]:
    batch, in_series = b"", False
    for message in messages:
        batch += message.sent()
        in_series = not message.ends_series and (in_series or not message.is_query)
        if not in_series:
            yield batch
            batch = b""
    if in_series:
        yield batch + Sync().sent()


def sequence(seed: int) -> Sequence:
    """The sequence of a seed."""
    random = Random(seed)
    steps = tuple(_step(random) for _ in range(random.randint(1, STEPS_MAX)))
    return Sequence(steps, waits=random.random() < 0.5)


def _step(random: Random) -> Step:
    choice = random.random()
    if choice < 0.25:
        statement = random.choice(STATEMENTS)
        second = f"; {random.choice(STATEMENTS)}" if random.random() < 0.2 else ""
        return (Query(statement + second),)
    if choice < 0.3:
        return _copy_in(random)
    return _series(random)


def _copy_in(random: Random) -> Step:
    """COPY FROM with its data, by either protocol."""
    statement = random.choice(COPIES_IN)
    data = [Plain("d", random.choice(COPIED)) for _ in range(random.randint(0, 2))]
    end = Plain("f", b"enough\0") if random.random() < 0.3 else Plain("c")
    if random.random() < 0.5:
        return (Query(statement), *data, end, Sync())
    return (Parse("", statement), Bind("", ""), Execute(""), *data, end, Sync())


def _series(random: Random) -> Step:
    """A statement by the extended protocol, perhaps not from its beginning, perhaps not to its end."""
    sql = random.choice(STATEMENTS)
    name = random.choice(STATEMENT_NAMES) if random.random() < 0.2 else ""
    portal = random.choice(PORTAL_NAMES) if random.random() < 0.2 else ""
    steps: list[Message] = [Parse(name, sql, _types(random))]
    if random.random() < 0.3:
        steps.append(Describe("S", name))
    steps.append(_bind(random, portal, name, sql))
    if random.random() < 0.5:
        steps.append(Describe("P", portal))
    executions = random.choice((1, 1, 1, 2, 0))
    steps += [Execute(portal, random.choice((0, 0, 0, 1, 2))) for _ in range(executions)]
    if random.random() < 0.15:
        steps.append(random.choice((Close("S", name), Close("P", portal))))
    if random.random() < 0.1:
        steps = steps[random.randint(1, len(steps) - 1) :]
    if random.random() < 0.1:
        steps.append(Plain("H"))
    if random.random() < 0.7:
        steps.append(Sync())
    return tuple(steps)


def _types(random: Random) -> tuple[int, ...]:
    return (random.choice(TYPES),) if random.random() < 0.05 else ()


def _bind(random: Random, portal: str, name: str, sql: str) -> Bind:
    count = max((number for number in (1, 2) if f"${number}" in sql), default=0)
    if random.random() < 0.05:
        count = random.randint(0, 2)
    values = tuple(random.choice(VALUES) for _ in range(count))
    formats = random.choice(((), (), (), (), (), (0,), (1,), (2,)))
    results = random.choice(((), (), (), (), (), (0,), (1,), (0, 1), (2,)))
    return Bind(portal, name, values, formats, results)
