"""Facts about built-in objects, read from the files of data/catalog when they are first asked for.

A file has a line a row, its cells apart by tabs, in COPY's text form. The first line names the
columns, each with the value that an empty cell stands for; an empty string is written "". Cells
missing at the end of a line are empty.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from server.catalog.views.values import oid_array, oid_vector, small_array, small_vector, texts
from server.data_files import data_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from server.catalog.objects import Table

CARDINAL_NUMBER = 13221  # information_schema's domain
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\\\": "\\"}


def _plain(cell: str) -> str:
    if "\\" not in cell:
        return cell
    for written, meant in _ESCAPES.items():
        cell = cell.replace(written, meant)
    return cell


def _numbers(cell: str) -> list[int]:
    return [int(word) for word in cell.strip("{}").replace(",", " ").split()]


def _words(cell: str) -> list[str]:
    """Items of a text array none of which needs more than quotes."""
    return [word.strip('"') for word in cell.strip("{}").split(",")] if cell != "{}" else []


READERS: Mapping[int, Callable[[str], Any]] = {
    16: lambda cell: cell == "true",
    20: int,
    21: int,
    22: lambda cell: small_vector(_numbers(cell)),
    23: int,
    24: int,
    26: int,
    28: int,
    30: lambda cell: oid_vector(_numbers(cell)),
    700: float,
    1002: lambda cell: texts(_words(cell), 18),
    1005: lambda cell: small_array(_numbers(cell)),
    1009: lambda cell: texts(_words(cell)),
    CARDINAL_NUMBER: int,
    1028: lambda cell: oid_array(_numbers(cell)),
}
"""How the cells of a column are read, by the OID of its type; the rest is text."""


def _cell(text: str, read: Callable[[str], Any]) -> Any:
    if text == "\\N":
        return None
    return read("" if text == '""' else text)


def read_facts(name: str, table: Table) -> list[tuple[Any, ...]]:
    """The rows of data/catalog/NAME.tsv in the order of the table's columns."""
    text = data_text("catalog", f"{name}.tsv")
    head, *lines = text.removesuffix("\n").split("\n")
    written = [cell.split("=", 1) for cell in head.split("\t")]
    assert [column for column, _ in written] == [column.name for column in table.columns], name
    readers = [READERS.get(column.type, _plain) for column in table.columns]
    defaults = [_cell(default, read) for (_, default), read in zip(written, readers, strict=True)]
    return [tuple(_row(line, readers, defaults)) for line in lines]


def _row(line: str, readers: list[Callable[[str], Any]], defaults: list[Any]) -> Iterator[Any]:
    cells = line.split("\t")
    for position, default in enumerate(defaults):
        cell = cells[position] if position < len(cells) else ""
        yield _cell(cell, readers[position]) if cell else default


@cache
def facts(table: Table, name: str = "") -> tuple[tuple[Any, ...], ...]:
    """The rows of a relation's file, read once."""
    return tuple(read_facts(name or table.name, table))
