"""Runs .slt files: blocks of a directive, one statement and what it gives, with an empty line between blocks.

    statement ok          the statement succeeds and returns no rows
    statement error CODE  it fails with this SQLSTATE
    query                 it returns the rows below ----, one a line, fields separated by " | "
    query sort            the same in any order

GOLDEN_REWRITE=1 writes directives and rows anew, for pg_*.slt from PostgreSQL's answers; read the difference.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg

from protocol import messages
from tests.support.conversation import data_rows

REWRITING = os.environ.get("GOLDEN_REWRITE") == "1"
DIRECTIVES = ("statement ", "query")


@dataclass(frozen=True, slots=True)
class Block:
    """A statement of a file and what is expected of it."""

    remarks: tuple[str, ...]
    directive: str
    sql: str
    rows: tuple[str, ...]

    @property
    def is_sorted(self):
        """Whether the order of rows is of no concern."""
        return self.directive == "query sort"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server made of a statement."""

    sqlstate: str = ""
    rows: tuple[tuple[str | None, ...], ...] | None = None

    def directive(self, *, is_sorted):
        """The directive that expects this answer."""
        if self.sqlstate:
            return f"statement error {self.sqlstate}"
        if self.rows is None:
            return "statement ok"
        return "query sort" if is_sorted else "query"

    def lines(self, *, is_sorted):
        """The rows as a file shows them."""
        lines = tuple(" | ".join(map(field, row)) for row in self.rows or ())
        return tuple(sorted(lines)) if is_sorted else lines


def field(value):
    """A value as a file shows it: no line may be empty."""
    if value is None:
        return "NULL"
    return value.replace("\\", "\\\\").replace("\n", "\\n") or "(empty)"


def read_blocks(path: Path):
    """The blocks of a file, and the remarks after the last."""
    for paragraph in path.read_text().strip("\n").split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        remarks = []
        while lines and lines[0].startswith("#"):
            remarks.append(lines.pop(0))
        directive = ""
        if lines and lines[0].startswith(DIRECTIVES) and "  " not in lines[0]:
            directive = lines.pop(0)
        rows: tuple[str, ...] = ()
        if "----" in lines:
            at = lines.index("----")
            lines, rows = lines[:at], tuple(lines[at + 1 :])
        yield Block(tuple(remarks), directive, "\n".join(lines), rows)


def simple(client):
    """Runs statements by the simple protocol."""
    return lambda sql: _answer(client.send(messages.Query(sql)))


def extended(client):
    """Runs statements by the extended protocol."""

    def run(sql):
        return _answer(
            client.send(
                messages.Parse("", sql, ()),
                messages.Bind("", "", (), (), ()),
                messages.Describe("P", ""),
                messages.Execute("", 0),
                messages.Sync(),
            )
        )

    return run


def _answer(replies):
    rows = None
    for reply in replies:
        if isinstance(reply, messages.ErrorResponse):
            return Answer(sqlstate=reply.fields.sqlstate)
        if isinstance(reply, messages.RowDescription):
            rows = []
        elif isinstance(reply, messages.DataRows):
            rows.extend(data_rows(reply.data))
    if rows is None:
        return Answer()
    return Answer(rows=tuple(tuple(None if f is None else f.decode() for f in row) for row in rows))


def libpq(connection):
    """Runs statements on a server over its socket."""

    def run(sql):
        result = connection.pgconn.exec_(sql.encode())
        if result.status in (psycopg.pq.ExecStatus.FATAL_ERROR, psycopg.pq.ExecStatus.BAD_RESPONSE):
            return Answer(sqlstate=result.error_field(psycopg.pq.DiagnosticField.SQLSTATE).decode())
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            return Answer()
        rows = []
        for number in range(result.ntuples):
            values = [result.get_value(number, column) for column in range(result.nfields)]
            rows.append(tuple(None if value is None else value.decode() for value in values))
        return Answer(rows=tuple(rows))

    return run


def play(path: Path, run):
    """Run a file; gives the differences as lines of text."""
    wrong = []
    for block in read_blocks(path):
        if not block.sql:
            continue
        answer = run(block.sql)
        expected = (block.directive, block.rows)
        found = (
            answer.directive(is_sorted=block.is_sorted),
            answer.lines(is_sorted=block.is_sorted),
        )
        if found != expected:
            wrong.append(f"{path.name}: {block.sql}\n  expected {expected}\n  found    {found}")
    return wrong


def rewrite(path: Path, run):
    """Write a file anew from a server's answers."""
    written = []
    for block in read_blocks(path):
        lines = list(block.remarks)
        if block.sql:
            answer = run(block.sql)
            lines += [answer.directive(is_sorted=block.is_sorted), block.sql]
            if answer.rows is not None and not answer.sqlstate:
                lines += ["----", *answer.lines(is_sorted=block.is_sorted)]
        written.append("\n".join(lines))
    path.write_text("\n\n".join(written) + "\n")
