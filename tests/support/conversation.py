"""Drives sessions by hand: no socket, no event loop, no sleeping.

A Client hands messages to a Session and collects what it answers. Where the session waits, the client is blocked: the
replies stop there, and `resume` goes on once the completion is done - which is how several sessions interleave in
one thread. Data for COPY is what the test has queued.
"""

import struct
from collections import deque

import pytest

from protocol import messages
from server.executor import program
from server.executor.waits import Wait
from server.session.canonical_settings import CANONICAL
from server.session.session import Session
from server.session.session_facts import Identity
from server.session_settings import SessionSettings
from server.statements.copy_stream import NEED_COPY_DATA

FIELD = struct.Struct("!IhIhih")


def data_rows(framed):
    """The fields of every DataRow in the bytes of several; None is NULL."""
    found, position = [], 0
    while position < len(framed):
        assert framed[position : position + 1] == b"D"
        position += 5
        count = int.from_bytes(framed[position : position + 2], "big")
        position += 2
        row = []
        for _ in range(count):
            length = int.from_bytes(framed[position : position + 4], "big", signed=True)
            position += 4
            if length < 0:
                row.append(None)
                continue
            row.append(bytes(framed[position : position + length]))
            position += length
        found.append(tuple(row))
    return found


def unframed(data):
    """The messages in some bytes: those that a point statement is answered with."""
    position = 0
    while position < len(data):
        tag = data[position : position + 1]
        end = position + 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        body = data[position + 5 : end]
        if tag == b"D":
            yield messages.DataRows(data[position:end])
        elif tag == b"C":
            yield messages.CommandComplete(body[:-1].decode())
        else:
            assert tag == b"T", tag
            yield messages.RowDescription(tuple(_fields(body)))
        position = end


def _fields(body):
    rest = body[2:]
    while rest:
        name, _, rest = rest.partition(b"\0")
        yield messages.FieldDescription(name.decode(), *FIELD.unpack_from(rest))
        rest = rest[FIELD.size :]


def copy_lines(framed):
    """The payloads of the CopyData messages in some bytes."""
    found, position = [], 0
    while position < len(framed):
        assert framed[position : position + 1] == b"d"
        length = int.from_bytes(framed[position + 1 : position + 5], "big")
        found.append(bytes(framed[position + 5 : position + 1 + length]))
        position += 1 + length
    return found


class Client:
    """One client of a database in this process."""

    def __init__(self, database, pid=1, user="postgres", home="postgres"):
        role = database.role(user)
        home = database.database(home)
        identity = Identity(
            user=user,
            user_oid=role.oid,
            database=home.name,
            database_oid=home.oid,
            pid=pid,
            secret=7,
        )
        settings = SessionSettings(database.settings, CANONICAL)
        settings.set_internal("session_authorization", role.name)
        settings.set_internal("is_superuser", role.superuser)
        settings.start("TimeZone", "UTC")
        self.database = database
        self.session = Session(database, identity, settings)
        database.sessions[pid] = self.session
        self.copy_data = deque()
        self.replies = []
        self._inbox = deque()
        self._steps = None
        self._wait = None

    @property
    def blocked(self):
        """Whether the session waits for something that is not there yet."""
        return self._wait is not None

    @property
    def waits_for(self):
        """The wait event, as pg_stat_activity names it."""
        return self._wait.what if self._wait is not None else ""

    def send(self, *given):
        """Give the session messages; the replies up to where it ends or is blocked."""
        self._inbox.extend(given)
        self._go_on(None)
        # Data of a COPY that has failed is still on its way.
        while self.copy_data and not self.blocked:
            self._inbox.append(self.copy_data.popleft())
            self._go_on(None)
        return self.taken()

    def taken(self):
        """The replies since the last call."""
        found, self.replies = self.replies, []
        return found

    def resume(self, *, timed_out=False):
        """Go on after a wait whose completion is done, or whose time is up."""
        assert self._wait is not None
        done = self._wait.completion.done
        assert done or timed_out
        self._wait = None
        self._go_on(done)
        return self.taken()

    @property
    def can_resume(self):
        """Whether what the session waits for is there."""
        return self._wait is not None and self._wait.completion.done

    def abandon(self):
        """The client goes in the middle of a statement."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        self._wait = None

    def close(self):
        """The client goes."""
        self.abandon()
        self.session.close()
        self.database.depart(self.session.pid)

    def _go_on(self, answer):
        if self._wait is not None:
            return
        while self._steps is not None or self._inbox:
            if self._steps is None:
                self._steps = self.session.handle(self._inbox.popleft())
                answer = None
            try:
                item = self._steps.send(answer)
            except StopIteration:
                self._steps = None
                continue
            answer = None
            if type(item) is Wait:
                if not item.completion.done:
                    self._wait = item
                    return
                answer = True
            elif item is NEED_COPY_DATA:
                answer = self.copy_data.popleft()
            elif type(item) is messages.Framed:
                self.replies.extend(unframed(item.data))
            else:
                self.replies.append(item)

    # What most tests want

    def run(self, sql):
        """A simple query; its replies as short text lines."""
        return shown(self.send(messages.Query(sql)))

    def rows(self, sql):
        """The rows of a simple query as tuples of text; raises AssertionError when it fails."""
        replies = self.send(messages.Query(sql))
        errors = [reply for reply in replies if isinstance(reply, messages.ErrorResponse)]
        assert not errors, errors
        return [
            tuple(None if field is None else field.decode() for field in row)
            for reply in replies
            if isinstance(reply, messages.DataRows)
            for row in data_rows(reply.data)
        ]

    def error(self, sql):
        """The SQLSTATE and message a simple query fails with."""
        replies = self.send(messages.Query(sql))
        errors = [reply for reply in replies if isinstance(reply, messages.ErrorResponse)]
        assert len(errors) == 1, replies
        return errors[0].fields.sqlstate, errors[0].fields.message


def field_text(field):
    """A field of a DataRow as a script shows it."""
    if field is None:
        return "NULL"
    try:
        text = field.decode()
    except UnicodeDecodeError:
        return "0x" + field.hex()
    return text if text.isprintable() and text not in ("", "NULL") else "0x" + field.hex()


def shown(replies):
    """Replies as lines of text: one a message, one a row."""
    return [line for reply in replies for line in _lines(reply)]


def _lines(reply):
    if isinstance(reply, messages.DataRows):
        yield from ("DataRow " + " | ".join(map(field_text, row)) for row in data_rows(reply.data))
    elif isinstance(reply, messages.CopyRows):
        yield from (f"CopyData {line!r}" for line in copy_lines(reply.data))
    elif isinstance(reply, messages.RowDescription):
        fields = (f"{f.name}:{f.type_oid}:{f.format}" for f in reply.fields)
        yield "RowDescription " + " ".join(fields)
    elif isinstance(reply, messages.ErrorResponse | messages.NoticeResponse):
        yield _error_line(type(reply).__name__, reply.fields)
    else:
        yield repr(reply)


def _error_line(kind, fields):
    parts = [kind, fields.severity, fields.sqlstate, fields.message]
    extra = [
        f"{name}={getattr(fields, name)}"
        for name in ("detail", "hint", "position", "constraint", "table", "column", "where")
        if getattr(fields, name)
    ]
    return " ".join(parts) + (f" ({', '.join(extra)})" if extra else "")


@pytest.fixture
def without_row_machine(monkeypatch):
    """Small queries run by the operators of columns, too."""
    monkeypatch.setattr(program, "covered", lambda plan: None)


@pytest.fixture
def client(database):
    """One client of a database in memory."""
    made = Client(database)
    yield made
    made.close()


@pytest.fixture
def clients(database):
    """Makes clients of one database, by name."""
    made = {}

    def client_named(name):
        if name not in made:
            made[name] = Client(database, pid=len(made) + 1)
        return made[name]

    yield client_named
    for each in made.values():
        each.close()
