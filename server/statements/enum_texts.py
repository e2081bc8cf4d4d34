"""Texts that say a label of an enum go on meaning it when it is called otherwise.

Stored texts name the type by OID (see server.planner.speller), so that the constants of it are found in them whatever
else stands there. Labels within constants of other types, as of rows that have a field of the enum, are left.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from server.catalog.objects import CatalogObject, PartitionBound, Table
from server.identifiers import quote_literal, type_by_oid
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.objects import UserType
    from server.statements.statement import StatementContext


def rename_in_texts(context: StatementContext, enum: UserType, old: str, new: str) -> None:
    """Write all texts of the catalog that say the old label with the new one, before the type itself changes."""
    labels = _Labels(context, enum, old, new)
    for value in list(context.catalog.state.of_kind(CatalogObject)):
        changed = labels.bound(_mapped(value, labels.text))
        if changed is not value:
            context.ddl.put(changed)


class _Labels:
    """What says the label of an enum, and what says it from now on."""

    def __init__(self, context: StatementContext, enum: UserType, old: str, new: str) -> None:
        self._catalog = context.catalog
        self._enum = enum
        self._old = old
        self._new = new
        name = type_by_oid(enum.oid)
        self._mark = name
        self._plain = re.compile(rf"(?<!'){re.escape(quote_literal(old))}::{re.escape(name)}(?!\[)")
        self._arrays = re.compile(rf"(?<!')'((?:[^']|'')*)'::{re.escape(name)}\[\]")

    def text(self, text: str) -> str:
        """A stored text with the new label."""
        if self._mark not in text:
            return text
        said = f"{quote_literal(self._new)}::{self._mark}"
        return self._arrays.sub(self._array, self._plain.sub(lambda _: said, text))

    def _array(self, found: re.Match[str]) -> str:
        array = self._catalog.type(self._enum.array_oid)
        value = array.parse(found[1].replace("''", "'"), -1, PLAIN_STYLE)
        text = array.format(_mapped(value, self._label), PLAIN_STYLE)
        return f"{quote_literal(text)}::{self._mark}[]"

    def _label(self, label: str) -> str:
        return self._new if label == self._old else label

    def bound(self, value: Any) -> Any:
        """A partition whose bound says the label, with the new one."""
        if not isinstance(value, Table) or value.bound is None or not value.parents:
            return value
        parent = self._catalog.object(value.parents[0])
        key = parent.partition_key if isinstance(parent, Table) else None
        if key is None:
            return value
        are_labels = [part.type == self._enum.oid for part in key.parts]
        said = self._said(value.bound, are_labels)
        return value if said == value.bound else replace(value, bound=said)

    def _said(self, bound: PartitionBound, are_labels: list[bool]) -> PartitionBound:
        def edge(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
            return tuple(
                (what, self._label(text) if is_label and what == "value" else text)
                for (what, text), is_label in zip(pairs, are_labels, strict=False)
            )

        values = _mapped(bound.values, self._label) if any(are_labels) else bound.values
        return replace(bound, values=values, lower=edge(bound.lower), upper=edge(bound.upper))


def _mapped(value: Any, say: Callable[[str], str]) -> Any:
    """A value with all texts in it as `say` gives them; the value itself where these are the same."""
    if isinstance(value, str):
        said = say(value)
        return value if said == value else said
    if isinstance(value, tuple | list):
        items = [_mapped(each, say) for each in value]
        is_same = all(new is old for new, old in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    if is_dataclass(value) and not isinstance(value, type):
        now = {field.name: getattr(value, field.name) for field in fields(value)}
        then = {name: _mapped(each, say) for name, each in now.items()}
        changes = {name: each for name, each in then.items() if each is not now[name]}
        return replace(value, **changes) if changes else value
    return value
