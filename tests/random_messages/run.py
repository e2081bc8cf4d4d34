"""Sends random sequences of messages to this server and PostgreSQL 15, and shrinks those that are answered differently.

python -m tests.random_messages.run --dsn DSN --reference DSN --count 1000 [--first SEED]

All that a server sends is compared, message by message, but for what `compared` leaves out.

Rule 1: a sequence has connections and tables of its own.
Rule 2: what may differ stands in FREE with a reason, and is counted.
"""

from __future__ import annotations

import struct
import sys
from collections import Counter
from dataclasses import replace
from typing import Final, NamedTuple

from tests.random_messages.messages import Close, Plain, Sync
from tests.random_messages.sequences import Sequence, sequence
from tests.random_messages.statements import SCHEMA, SETUP
from tests.support.contest import arguments_of, play_all
from tests.support.wire import SETTINGS, Question, Wire, ask_all, together

ATTEMPTS_MAX: Final = 80
"""How often a sequence is played again to make it smaller."""

END: Final = Close("S", "end").sent() * 2 + Sync().sent()
"""What every batch ends with: no sequence has it, and it is answered in a failed block, too."""

ENDED: Final = [ord("3"), ord("3"), ord("Z")]
"""The answer to that."""

FIELDS: Final = "SCMDHPstcdn"
"""What is compared of errors and notices: not where they come from in the source or in a body."""

Said = tuple[str, object]


class Batch(NamedTuple):
    """Messages that are sent in one go."""

    data: bytes

    def sent(self) -> bytes:
        """With what tells their end."""
        return self.data + END


class Conversation(Wire):
    """A connection that keeps whatever is said."""

    said: list[tuple[int, bytes]]

    def connect(self) -> None:
        """Connect; what is said on the way does not count."""
        self.said = []
        self.is_open = False
        super().connect()
        self.is_open = True

    def has_answered(self) -> bool:
        """Whether the messages that are there end a batch."""
        if not self.is_open:
            return super().has_answered()
        if [kind for kind, _ in self.messages[-3:]] != ENDED:
            return False
        self.said += self.messages[:-3]
        return True


def compared(said: list[tuple[int, bytes]]) -> list[Said]:
    """What is compared of the messages of a server.

    Not how many rows of a statement have gone out before it fails, and whether their description has: one computes
    a row at a time, the other many.
    """
    found: list[Said] = []
    for kind, body in said:
        tag = chr(kind)
        if tag == "E":
            while found and found[-1][0] == "D":
                found.pop()
            if found and found[-1][0] == "T":
                found.pop()
        found.append((tag, _READERS.get(tag, bytes)(body)))
    return found


def _fields(body: bytes) -> dict[str, str]:
    every = {field[0]: field[1:] for field in body.decode(errors="replace").split("\0") if field}
    return {name: value for name, value in every.items() if name in FIELDS}


def _columns(body: bytes) -> list[tuple[str, bool, tuple[int, ...]]]:
    """Names, whether they are columns of tables, and the rest but for tables' OIDs."""
    found, at = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", at)
        table, *rest = struct.unpack_from("!IhIhih", body, end + 1)
        found.append((body[at:end].decode(), bool(table), tuple(rest)))
        at = end + 19
    return found


_READERS: Final = {"E": _fields, "N": _fields, "T": _columns, "A": lambda body: body[4:]}


FREE: Final = (
    (
        "must be called before any query",
        "which statements, or parts of one, take a snapshot that the level of a transaction comes too late for",
    ),
    ('portal "" does not exist', "what is left of the unnamed portal when a block fails"),
    ("COPY from stdin failed", "whether rows of COPY are looked at before their end is heard"),
)
"""What may differ: words of an error that one of them has, with the reason."""


def free(ours: list[Said], theirs: list[Said]) -> str:
    """Why answers may differ, or nothing."""
    told = f"{ours}{theirs}"
    return next((reason for words, reason in FREE if words in told), "")


class Contest:
    """Both servers."""

    def __init__(self, dsn: str, reference: str) -> None:
        self.dsns = (dsn, reference)
        self.makers = [
            Wire(each, (f"set search_path to {SCHEMA}", "set client_min_messages to error"))
            for each in self.dsns
        ]
        self.answers = 0
        self.free: Counter[str] = Counter()

    def close(self) -> None:
        """Leave nothing behind."""
        for maker in self.makers:
            maker.ask([Question(f"drop schema if exists {SCHEMA} cascade")])
            maker.close()

    def answered(self, played: Sequence) -> list[list[Said]]:
        """What both make of a sequence."""
        questions = [Question(text) for text in SETUP]
        ask_all(self.makers, [questions, questions])
        settings = {**SETTINGS, "search_path": SCHEMA}
        sides = [Conversation(dsn, settings=settings) for dsn in self.dsns]
        for data in played.batches():
            for side in sides:
                side.begin([Batch(data)])
            together(sides)
        for side in sides:
            side.close()
        self.answers += len(sides[0].said)
        lost: list[Said] = [("lost", "the connection")]
        return [compared(side.said) + (lost if side.expected < 0 else []) for side in sides]

    def play(self, seed: int) -> bool:
        """Whether both answer a sequence alike; writes down how not."""
        played = sequence(seed)
        if not self.differs(played):
            return True
        small = self.shrunk(played)
        ours, theirs = self.answered(small)
        at = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), -1)
        at = min(len(ours), len(theirs)) if at < 0 else at
        lines = [f"seed {seed} {small}", f"  here       {ours[at : at + 3]}"]
        lines += [f"  PostgreSQL {theirs[at : at + 3]}", ""]
        sys.stdout.write("\n".join(lines))
        sys.stdout.flush()
        return False

    def differs(self, played: Sequence) -> bool:
        """Whether the answers to a sequence differ."""
        ours, theirs = self.answered(played)
        reason = free(ours, theirs) if ours != theirs else ""
        if reason:
            self.free[reason] += 1
        return ours != theirs and not reason

    def shrunk(self, played: Sequence) -> Sequence:
        """Fewer messages that are still answered differently."""
        attempts = 0
        is_smaller = True
        while is_smaller:
            is_smaller = False
            for smaller in smaller_ones(played):
                attempts += 1
                if attempts > ATTEMPTS_MAX:
                    return played
                if self.differs(smaller):
                    played, is_smaller = smaller, True
                    break
        return played


def smaller_ones(played: Sequence) -> list[Sequence]:
    """The sequences without a step, and without a message: but COPY needs the end of its data."""
    steps = played.steps
    found = [steps[:n] + steps[n + 1 :] for n in range(len(steps))]
    for n, step in enumerate(steps):
        if len(step) > 1 and not any(isinstance(each, Plain) for each in step):
            less = [step[:m] + step[m + 1 :] for m in range(len(step))]
            found += [(*steps[:n], each, *steps[n + 1 :]) for each in less]
    return [replace(played, steps=each) for each in found if each]


def main() -> int:
    """1 when there was a difference."""
    arguments = arguments_of(__doc__, count=1000)
    contest = Contest(arguments.dsn, arguments.reference)
    differed = play_all(contest, arguments)
    contest.close()
    sys.stdout.write(f"{contest.answers} messages\n")
    return 1 if differed else 0


if __name__ == "__main__":
    sys.exit(main())
