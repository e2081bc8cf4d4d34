"""Rows of data/catalog/NAME.tsv as texts by column name; views/facts.py says what a file looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.data_files import data_text

if TYPE_CHECKING:
    from collections.abc import Iterator


def catalog_rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a catalog that PostgreSQL ships, every cell as it is written there."""
    text = data_text("catalog", f"{name}.tsv")
    head, *lines = text.removesuffix("\n").split("\n")
    defaults = dict(cell.split("=", 1) for cell in head.split("\t"))
    for line in lines:
        given = zip(defaults, line.split("\t"), strict=False)
        yield defaults | {column: cell for column, cell in given if cell}
