"""Asks PostgreSQL 15 again for the answers that the tests of types compare with.

Run by hand: python tests/unit/server/types/record_answers.py "host=... user=..."

Every file in answers/ is a list of groups; a group is a type, settings, and inputs with the answer
to each: text and binary form, or the fields of the error. New inputs are added to the file with
null for an answer. What format_type says (format_type.json) and in which order PostgreSQL sorts
(orders.json) is recorded too.
"""

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

ANSWERS = Path(__file__).parent / "answers"
DEFAULTS = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}
ERROR_FIELDS = {
    "sqlstate": DiagnosticField.SQLSTATE,
    "message": DiagnosticField.MESSAGE_PRIMARY,
    "detail": DiagnosticField.MESSAGE_DETAIL,
    "hint": DiagnosticField.MESSAGE_HINT,
    "context": DiagnosticField.CONTEXT,
}


def quote(text: str) -> str:
    """Write a string as a literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def value_of(result: PGresult) -> bytes:
    """Give the only value of a result."""
    value = result.get_value(0, 0)
    assert value is not None
    return value


def ask(connection: psycopg.Connection[Any], type_name: str, text: str) -> dict[str, str]:
    """Give the answer to one input."""
    query = f"select {quote(text)}::{type_name}".encode()
    result = connection.pgconn.exec_params(query, [])
    if result.status == ExecStatus.TUPLES_OK:
        answer = {"text": value_of(result).decode()}
        binary = connection.pgconn.exec_params(query, [], result_format=1)
        if binary.status == ExecStatus.TUPLES_OK:
            answer["binary"] = value_of(binary).hex()
        return answer
    fields = {name: result.error_field(field) for name, field in ERROR_FIELDS.items()}
    return {name: field.decode() for name, field in fields.items() if field}


def record_group(connection: psycopg.Connection[Any], group: dict[str, Any]) -> None:
    """Ask for all inputs of a group."""
    for name, value in (DEFAULTS | group["settings"]).items():
        connection.execute("select set_config(%s, %s, false)", (name, value))
    group["answers"] = [
        [text, ask(connection, group["type"], text)] for text, _ in group["answers"]
    ]


def record_orders(connection: psycopg.Connection[Any], orders: dict[str, list[str]]) -> None:
    """Sort the texts of each type."""
    for type_name, texts in orders.items():
        rows = ", ".join(f"({quote(text)}::{type_name})" for text in texts)
        # S608: the types and texts are those of the file beside this one.
        query = f"select x::text from (values {rows}) v(x) order by v.x, v.x::text"
        orders[type_name] = [row[0] for row in connection.execute(query)]


def record_names(connection: psycopg.Connection[Any], names: list[list[Any]]) -> None:
    """Ask format_type."""
    for row in names:
        query = "select format_type(%s, %s)"
        row[2] = next(connection.execute(query, (row[0], row[1])))[0]


def rewrite(path: Path, content: list[Any] | dict[str, Any]) -> None:
    """Write one answer a line."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(text + "\n")


def main(conninfo: str) -> None:
    """Record everything anew."""
    connection = psycopg.connect(conninfo, autocommit=True, client_encoding="utf8")
    for path in sorted(ANSWERS.glob("*.json")):
        content = json.loads(path.read_text())
        if path.stem == "orders":
            for name, value in DEFAULTS.items():
                connection.execute("select set_config(%s, %s, false)", (name, value))
            record_orders(connection, content)
        elif path.stem == "format_type":
            record_names(connection, content)
        else:
            for group in content:
                record_group(connection, group)
        rewrite(path, content)


if __name__ == "__main__":
    main(sys.argv[1])
