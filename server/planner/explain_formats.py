"""EXPLAIN in JSON, XML and YAML: the tree of a plan as one document of values, and how each format writes it.

A document is made of dicts, lists of documents, tuples of texts, and texts, numbers and booleans. Costs and times are
Decimals, which keep their digits.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from server.planner.describe import described_plan, measured_of, rows_removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.planner.describe import Described, ExplainOptions, Instruments, Measured
    from server.planner.planned import PlannedStatement

Document = dict[str, Any]

NAMESPACE: Final = "http://www.postgresql.org/2009/explain"
BUFFERS: Final = (
    *(f"{kind} {what} Blocks" for kind in ("Shared", "Local") for what in ("Hit", "Read", "Dirtied", "Written")),
    "Temp Read Blocks",
    "Temp Written Blocks",
)  # fmt: skip
"""What is not counted here is told as nothing, as PostgreSQL tells it of a plan that has read no page."""

WAL: Final = ("WAL Records", "WAL FPI", "WAL Bytes")
ITEM_NAMES: Final = {"Plans": "Plan", "Triggers": "Trigger"}
"""What XML calls the members of a list that is not of texts."""


def statement_document(
    planned: PlannedStatement, options: ExplainOptions, instruments: Instruments | None
) -> Document:
    """What is told of one statement, but for what is measured of it as a whole."""
    root = described_plan(planned, options)
    return {"Plan": _node_document(root, options, instruments, "")}


def buffers_document() -> Document:
    """The group that BUFFERS adds for planning."""
    return dict.fromkeys(BUFFERS, 0)


def _node_document(
    node: Described, options: ExplainOptions, instruments: Instruments | None, relationship: str
) -> Document:
    found: Document = dict(node.kind) or {"Node Type": node.title}
    if " " in relationship:
        kind = relationship.split(" ", 1)[0]
        found["Parent Relationship"] = "SubPlan" if kind == "SubPlan" else "InitPlan"
        found["Subplan Name"] = relationship
    elif relationship:
        found["Parent Relationship"] = relationship
    found |= {"Parallel Aware": False, "Async Capable": False}
    found |= dict(node.target)
    found |= _numbers(node, options, measured_of(node, instruments))
    found |= node.details
    if "Filter" in found and options.analyze:
        removed = rows_removed(node, measured_of(node, instruments))
        found["Rows Removed by Filter"] = removed
    if options.buffers:
        found |= dict.fromkeys(BUFFERS, 0)
    if options.wal:
        found |= dict.fromkeys(WAL, 0)
    if node.children:
        found["Plans"] = [
            _node_document(child, options, instruments, name) for name, child in node.children
        ]
    return found


def _numbers(node: Described, options: ExplainOptions, measured: Measured | None) -> Document:
    found: Document = {}
    if options.costs and node.plan is not None:
        estimate = node.plan.estimate
        found["Startup Cost"] = _fixed(estimate.startup_cost, 2)
        found["Total Cost"] = _fixed(estimate.total_cost, 2)
        found["Plan Rows"] = max(round(estimate.rows), 0)
        found["Plan Width"] = estimate.width
    if options.analyze:
        loops = 0 if measured is None else measured.loops
        rows, start_ns, total_ns = (
            (0, 0, 0)
            if measured is None
            else (measured.rows, measured.startup_ns, measured.total_ns)
        )
        if options.timing:
            found["Actual Startup Time"] = milliseconds(start_ns / max(loops, 1))
            found["Actual Total Time"] = milliseconds(total_ns / max(loops, 1))
        found["Actual Rows"] = round(rows / max(loops, 1))
        found["Actual Loops"] = loops
    return found


def _fixed(number: float, digits: int) -> Decimal:
    return Decimal(f"{number:.{digits}f}")


def milliseconds(nanoseconds: float) -> Decimal:
    """A time as EXPLAIN shows it."""
    return _fixed(nanoseconds / 1e6, 3)


def as_json(documents: list[Document]) -> str:
    """The statements as PostgreSQL's JSON: two blanks a level, lists of texts in one line."""
    return "\n".join(_json_value(documents, 0))


def _json_value(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        members = [(f"{json.dumps(name)}: ", member) for name, member in value.items()]
        brackets = "{}"
    elif isinstance(value, list):
        members = [("", member) for member in value]
        brackets = "[]"
    else:
        yield _json_scalar(value)
        return
    yield brackets[0]
    for number, (label, member) in enumerate(members, 1):
        lines = list(_json_value(member, depth + 1))
        lines[0] = f"{indent}  {label}{lines[0]}"
        if number < len(members):
            lines[-1] += ","
        yield from lines
    yield indent + brackets[1]


def _json_scalar(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_json_scalar, value))}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def as_yaml(documents: list[Document]) -> str:
    """The statements as YAML."""
    lines: list[str] = []
    for document in documents:
        parts = list(_yaml_members(document, 1))
        lines += [f"- {parts[0].lstrip()}", *parts[1:]]
    return "\n".join(lines)


def _yaml_members(document: Document, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in document.items():
        if isinstance(value, dict):
            yield f"{indent}{name}: "
            yield from _yaml_members(value, depth + 1)
        elif isinstance(value, list | tuple):
            yield f"{indent}{name}: "
            for item in value:
                if isinstance(item, dict):
                    parts = list(_yaml_members(item, depth + 2))
                    yield f"{indent}  - {parts[0].lstrip()}"
                    yield from parts[1:]
                else:
                    yield f"{indent}  - {_json_scalar(item)}"
        else:
            yield f"{indent}{name}: {_json_scalar(value)}"


def as_xml(documents: list[Document]) -> str:
    """The statements as XML."""
    lines = [f'<explain xmlns="{NAMESPACE}">']
    for document in documents:
        lines += ["  <Query>", *_xml_members(document, 2), "  </Query>"]
    return "\n".join([*lines, "</explain>"])


def _xml_members(document: Document, depth: int) -> Iterator[str]:
    for name, value in document.items():
        yield from _xml_element(name, value, depth)


def _xml_element(name: str, value: Any, depth: int) -> Iterator[str]:
    tag, indent = name.replace(" ", "-").replace("/", "-"), "  " * depth
    if isinstance(value, dict | list | tuple):
        yield f"{indent}<{tag}>"
        if isinstance(value, dict):
            yield from _xml_members(value, depth + 1)
        else:
            for item in value:
                yield from _xml_element(ITEM_NAMES.get(name, "Item"), item, depth + 1)
        yield f"{indent}</{tag}>"
        return
    text = _json_scalar(value) if isinstance(value, bool) else escape(str(value))
    yield f"{indent}<{tag}>{text}</{tag}>"


FORMATS: Final[Mapping[str, Callable[[list[Document]], str]]] = {
    "json": as_json,
    "xml": as_xml,
    "yaml": as_yaml,
}
"""The formats that show documents."""
