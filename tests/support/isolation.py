"""Interleaved sessions in one thread: no sleeping, no chance.

A spec is text:

    setup: SQL                   before every permutation
    session NAME                 begins a session
    prepare: SQL                 what the session does first
    step NAME: SQL
    permutation STEP STEP ...

A step that has to wait says <waiting>; as soon as it can go on it does, and says <completed>. Where nobody can go on,
the session that waits longest has its deadlock_timeout.
"""

import re
from dataclasses import dataclass, field

from protocol.messages import Query
from tests.support.conversation import Client, shown


@dataclass(slots=True)
class Spec:
    """A spec as read."""

    setup: list[str] = field(default_factory=list)
    prepare: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    permutations: list[list[str]] = field(default_factory=list)


def read_spec(text):
    """Read a spec."""
    spec, session = Spec(), ""
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        if found := re.fullmatch(r"setup: (.*)", line):
            spec.setup.append(found[1])
        elif found := re.fullmatch(r"session (\w+)", line):
            session = found[1]
            spec.prepare[session] = []
        elif found := re.fullmatch(r"prepare: (.*)", line):
            spec.prepare[session].append(found[1])
        elif found := re.fullmatch(r"step (\w+): (.*)", line):
            spec.steps[found[1]] = (session, found[2])
        elif found := re.fullmatch(r"permutation (.*)", line):
            spec.permutations.append(found[1].split())
        else:
            raise AssertionError(line)
    return spec


class Run:
    """One permutation."""

    def __init__(self, database, spec):
        self.spec = spec
        self.clients = {
            name: Client(database, pid=number) for number, name in enumerate(spec.prepare, 2)
        }
        self.waiting = {}  # step by session, in the order they began to wait
        self.lines = []

    def play(self, permutation):
        """Run the steps; gives the lines."""
        for name, client in self.clients.items():
            for sql in self.spec.prepare[name]:
                client.run(sql)
        for step in permutation:
            session, sql = self.spec.steps[step]
            self._make_free(session)
            self._say(step, session, self.clients[session].send(Query(sql)))
            self._go_on()
        while self.waiting:
            self._make_free(next(iter(self.waiting)))
        for client in self.clients.values():
            client.close()
        return self.lines

    def _say(self, step, session, replies):
        client = self.clients[session]
        self.lines.append(f"{step}: {self.spec.steps[step][1]}")
        self._output(replies)
        if client.blocked:
            self.waiting[session] = step
            self.lines.append("  <waiting>")

    def _output(self, replies):
        self.lines += [
            f"  {line}"
            for line in shown(replies)
            if not line.startswith(("ReadyForQuery", "RowDescription"))
        ]

    def _go_on(self, *, timed_out=""):
        """Let everyone go on who can."""
        moved = True
        while moved:
            moved = False
            for session, step in list(self.waiting.items()):
                client = self.clients[session]
                if not client.can_resume and session != timed_out:
                    continue
                was_timed_out = not client.can_resume
                timed_out = "" if was_timed_out else timed_out
                replies = client.resume(timed_out=was_timed_out)
                if not client.blocked:
                    del self.waiting[session]
                    self.lines.append(f"{step}: <completed>")
                    self._output(replies)
                    moved = True

    def _make_free(self, session):
        for candidate in list(self.waiting):
            if session not in self.waiting:
                return
            self._go_on(timed_out=candidate)
        assert session not in self.waiting, ("nobody can go on", self.waiting, self.lines)
