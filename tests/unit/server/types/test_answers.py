"""Input, output and binary forms against the recorded answers of PostgreSQL 15."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.errors import SqlError
from server.types.names import parse_type
from server.types.type import TextStyle

ANSWERS = Path(__file__).parent / "answers"
NOT_GROUPS = {"orders", "format_type"}
GROUPS = [
    pytest.param(group, id=f"{path.stem}-{group['type']}-{'-'.join(group['settings'].values())}")
    for path in sorted(ANSWERS.glob("*.json"))
    if path.stem not in NOT_GROUPS
    for group in json.loads(path.read_text())
]


def style_of(settings: Any) -> Any:
    date_style, _, date_order = settings.get("DateStyle", "ISO, MDY").partition(", ")
    return TextStyle(
        date_style=date_style,
        date_order=date_order,
        interval_style=settings.get("IntervalStyle", "postgres"),
        time_zone=settings.get("TimeZone", "UTC"),
        extra_float_digits=int(settings.get("extra_float_digits", 1)),
        bytea_output=settings.get("bytea_output", "hex"),
    )


def cast_literal(reference: Any, text: Any, style: Any) -> Any:
    """A literal is read without its modifier, which is applied then; intervals need it to read."""
    type_, modifier = reference.type, reference.modifier
    if type_.name == "interval":
        return type_.parse(text, modifier, style)
    value = type_.parse(text, -1, style)
    return value if modifier < 0 else type_.coerce(value, modifier, True)


def answer(reference: Any, text: Any, style: Any) -> Any:
    try:
        value = cast_literal(reference, text, style)
    except SqlError as error:
        fields = {name: getattr(error, name) for name in ("message", "detail", "hint", "context")}
        return {"sqlstate": error.sqlstate} | {k: v for k, v in fields.items() if v}
    return {
        "text": reference.type.format(value, style),
        "binary": reference.type.send(value).hex(),
    }


@pytest.mark.parametrize("group", GROUPS)
def test_answers_are_postgresqls(group):
    style = style_of(group["settings"])
    reference = parse_type(group["type"], lambda _parts: None)
    given = {text: answer(reference, text, style) for text, _ in group["answers"]}
    assert given == dict(group["answers"])


@pytest.mark.parametrize("group", GROUPS)
def test_binary_form_reads_back(group):
    style = style_of(group["settings"])
    type_ = parse_type(group["type"], lambda _parts: None).type
    for _, expected in group["answers"]:
        if "binary" in expected and not expected["text"].startswith("294277"):  # rounded too far
            value = type_.receive(bytes.fromhex(expected["binary"]), -1)
            assert type_.format(value, style) == expected["text"]
