"""Partitioning as SQL text: keys, bounds and the constraints that bounds are.

Rule 1: the constraint of a partition is the condition that PostgreSQL makes of its bound; what
        pg_get_partition_constraintdef prints is what rows are held against.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from server.catalog.partition_bounds import ancestors_of, partition_map
from server.identifiers import quote_identifier, quote_literal
from server.oids import BOOL, INT4, NUMERIC

if TYPE_CHECKING:
    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import PartitionBound, PartitionKey, PartitionKeyPart, Table

Side = tuple[tuple[str, str], ...]


def key_text(view: CatalogView, table: Table, pretty: bool = True) -> str:
    """RANGE (a, lower(b)): what follows PARTITION BY."""
    key = table.partition_key
    assert key is not None
    parts = ", ".join(_shown_part(view, table, part) for part in key.parts)
    return f"{key.strategy.upper()} ({parts})"


def _shown_part(view: CatalogView, table: Table, part: PartitionKeyPart) -> str:
    text = part_text(table, part)
    if not part.number and not _is_call(text):
        text = f"({text})"
    from server.catalog.collations import collation_text

    own = table.column(part.number).collation if part.number else view.type(part.type).collation
    if part.collation and part.collation != own:
        text += f" COLLATE {collation_text(view, part.collation)}"
    return text + (f" {part.operator_class}" if part.operator_class else "")


def _is_call(text: str) -> bool:
    head, bracket, rest = text.partition("(")
    return head.replace(".", "").isidentifier() and _is_wrapped(bracket + rest)


def _is_wrapped(text: str) -> bool:
    """Whether the parenthesis that it begins with is closed by the one that it ends with."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if not depth and char == ")":
            return place == len(text) - 1
    return False


def part_text(table: Table, part: PartitionKeyPart) -> str:
    """A part of a key as an expression."""
    if part.number:
        return quote_identifier(table.column(part.number).name)
    return part.expression or ""


def bound_text(view: CatalogView, parent: Table, bound: PartitionBound) -> str:
    """FOR VALUES FROM (1) TO (10), or DEFAULT."""
    if bound.is_default:
        return "DEFAULT"
    key = parent.partition_key
    assert key is not None
    if bound.strategy == "hash":
        return f"FOR VALUES WITH (modulus {bound.modulus}, remainder {bound.remainder})"
    if bound.strategy == "list":
        kind = key.parts[0].type
        shown = ", ".join(
            "NULL" if text is None else bound_value(kind, text) for text in bound.values
        )
        return f"FOR VALUES IN ({shown})"
    return f"FOR VALUES FROM ({_side(key, bound.lower)}) TO ({_side(key, bound.upper)})"


def _side(key: PartitionKey, side: Side) -> str:
    return ", ".join(
        bound_value(part.type, text) if kind == "value" else kind.upper()
        for part, (kind, text) in zip(key.parts, side, strict=True)
    )


def bound_value(kind: int, text: str) -> str:
    """A value of a bound, without its type."""
    if text[:1].isdigit() and (kind == INT4 or (kind == NUMERIC and not text.isdigit())):
        return text
    if kind == BOOL:
        return "true" if text == "t" else "false"
    return quote_literal(text)


class ConstraintText:
    """Writes the constraint of a bound of one partitioned table."""

    def __init__(self, view: CatalogView, parent: Table) -> None:
        key = parent.partition_key
        assert key is not None
        self.view = view
        self.parent = parent
        self.key = key
        self.names = [part_text(parent, part) for part in key.parts]
        self.names = [
            name if part.number or _is_call(name) or _is_wrapped(name) else f"({name})"
            for name, part in zip(self.names, key.parts, strict=True)
        ]

    def conjuncts(self, bound: PartitionBound) -> list[str]:
        """The conditions of a bound, all of which must be true."""
        if bound.is_default:
            return self._default()
        if bound.strategy == "hash":
            columns = ", ".join(self.names)
            return [
                f"satisfies_hash_partition('{self.parent.oid}'::oid, "
                f"{bound.modulus}, {bound.remainder}, {columns})"
            ]
        return self._list(bound) if bound.strategy == "list" else self._range(bound)

    def _default(self) -> list[str]:
        others = [
            child.bound
            for child in partition_map(self.view, self.parent).partitions
            if child.bound is not None and not child.bound.is_default
        ]
        if not others:
            return []
        if self.key.strategy == "list":
            values = tuple(text for bound in others for text in bound.values)
            from server.catalog.objects import PartitionBound as Bound

            together = joined(self._list(Bound(strategy="list", values=values)))
            return [f"NOT {together}"]
        arms = [joined(self._range_tests(bound)) for bound in others]
        either = arms[0] if len(arms) == 1 else f"({' OR '.join(arms)})"
        return [f"NOT {joined([*self._not_null(), either[1:-1]])}"]

    def constant(self, position: int, text: str) -> str:
        """A value of a key's type, with its type where the text alone does not say it."""
        kind = self.key.parts[position].type
        if kind == BOOL:
            return bound_value(kind, text)
        if kind == 23 and text.isdigit():
            return text
        if kind == 1700 and text[:1].isdigit() and not text.isdigit():
            return text
        from server.catalog.visibility import type_text

        return f"{quote_literal(text)}::{type_text(self.view, (), kind)}"

    def _list(self, bound: PartitionBound) -> list[str]:
        name = self.names[0]
        texts = [self.constant(0, text) for text in bound.values if text is not None]
        test = ""
        if len(texts) == 1:
            test = f"{name} = {texts[0]}"
        elif texts and self.view.type(self.key.parts[0].type).category == "A":
            test = " OR ".join(f"({name} = {text})" for text in texts)
        elif texts:
            test = f"{name} = ANY (ARRAY[{', '.join(texts)}])"
        if None not in bound.values:
            return [f"{name} IS NOT NULL", test]
        missing = f"{name} IS NULL"
        return [f"({missing}) OR ({test})"] if test else [missing]

    def _not_null(self) -> list[str]:
        return [f"{name} IS NOT NULL" for name in self.names]

    def _range(self, bound: PartitionBound) -> list[str]:
        return [*self._not_null(), *self._range_tests(bound)]

    def _range_tests(self, bound: PartitionBound) -> list[str]:
        """What a range says but for NULLs."""
        tests: list[str] = []
        start = 0
        for low, high in zip(bound.lower, bound.upper, strict=True):
            if low[0] != "value" or low != high:
                break
            tests.append(f"{self.names[start]} = {self.constant(start, low[1])}")
            start += 1
        for side, is_lower in ((bound.lower, True), (bound.upper, False)):
            arms = self._arms(side, start, is_lower=is_lower)
            if arms:
                tests.append(arms[0] if len(arms) == 1 else " OR ".join(f"({arm})" for arm in arms))
        return tests

    def _arms(self, side: Side, start: int, *, is_lower: bool) -> list[str]:
        """(a > 1) OR ((a = 1) AND (b >= 5)): one arm for each further column that decides."""
        arms = []
        endless = "minvalue" if is_lower else "maxvalue"
        strict, inclusive = (">", ">=") if is_lower else ("<", "<=")
        for last in range(start, len(side)):
            if side[last][0] != "value":
                break
            after = side[last + 1][0] if last + 1 < len(side) else ""
            includes = after == endless or (is_lower and not after)
            tests = [
                f"{self.names[place]} = {self.constant(place, side[place][1])}"
                for place in range(start, last)
            ]
            operator = inclusive if includes else strict
            tests.append(f"{self.names[last]} {operator} {self.constant(last, side[last][1])}")
            arms.append(tests[0] if len(tests) == 1 else _and(tests))
        return arms


def _and(conditions: list[str]) -> str:
    return " AND ".join(each if _is_call(each) else f"({each})" for each in conditions)


def joined(conditions: list[str]) -> str:
    """Conditions joined by AND, in parentheses."""
    if len(conditions) == 1:
        return conditions[0] if _is_call(conditions[0]) else f"({conditions[0]})"
    return f"({_and(conditions)})"


def constraint_conjuncts(view: CatalogView, partition: Table) -> list[str]:
    """All conditions that rows of a partition satisfy, those of its ancestors first."""
    chain = [partition, *ancestors_of(view, partition)]
    conditions: list[str] = []
    for child, parent in reversed(list(pairwise(chain))):
        assert child.bound is not None
        conditions += ConstraintText(view, parent).conjuncts(child.bound)
    return conditions


def constraint_text(view: CatalogView, partition: Table) -> str | None:
    """The constraint of a partition as one condition; None: it takes every row."""
    conditions = constraint_conjuncts(view, partition)
    return joined(conditions) if conditions else None
