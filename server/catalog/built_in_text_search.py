"""The built-in parser, templates, dictionaries and configurations of text search, as objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.views.facts import facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.catalog.objects import CatalogObject, Oid, Table

OPTION: Final = re.compile(r"\s*(\w+|\"(?:[^\"]|\"\")*\")\s*=\s*'((?:[^']|'')*)'\s*(?:,|$)")


def read_options(text: str | None) -> tuple[tuple[str, str], ...]:
    """Options as a catalog has them: name = 'value', ..."""
    return tuple(
        (name.strip('"').replace('""', '"'), value.replace("''", "'"))
        for name, value in OPTION.findall(text or "")
    )


def text_search_objects(tables: Mapping[str, Table]) -> Iterator[CatalogObject]:
    """What the files of the catalogs list."""

    def rows(name: str) -> Iterator[dict[str, Any]]:
        columns = [column.name for column in tables[name].columns]
        return (dict(zip(columns, row, strict=True)) for row in facts(tables[name]))

    for row in rows("pg_ts_parser"):
        yield TextSearchParser(
            oid=row["oid"],
            name=row["prsname"],
            schema=row["prsnamespace"],
            start=row["prsstart"],
            token=row["prstoken"],
            end=row["prsend"],
            headline=row["prsheadline"],
            types=row["prslextype"],
        )
    for row in rows("pg_ts_template"):
        yield TextSearchTemplate(
            oid=row["oid"],
            name=row["tmplname"],
            schema=row["tmplnamespace"],
            init=row["tmplinit"],
            lexize=row["tmpllexize"],
        )
    for row in rows("pg_ts_dict"):
        yield TextSearchDictionary(
            oid=row["oid"],
            name=row["dictname"],
            schema=row["dictnamespace"],
            owner=row["dictowner"],
            template=row["dicttemplate"],
            options=read_options(row["dictinitoption"]),
        )
    yield from _configurations(rows("pg_ts_config"), rows("pg_ts_config_map"))


def _configurations(
    rows: Iterator[dict[str, Any]], entries: Iterator[dict[str, Any]]
) -> Iterator[TextSearchConfiguration]:
    listed: dict[Oid, dict[int, list[tuple[int, Oid]]]] = {}
    for entry in entries:
        tokens = listed.setdefault(entry["mapcfg"], {})
        numbered = tokens.setdefault(entry["maptokentype"], [])
        numbered.append((entry["mapseqno"], entry["mapdict"]))
    for row in rows:
        tokens = listed.get(row["oid"], {})
        yield TextSearchConfiguration(
            oid=row["oid"],
            name=row["cfgname"],
            schema=row["cfgnamespace"],
            owner=row["cfgowner"],
            parser=row["cfgparser"],
            mapping=tuple(
                (token, tuple(oid for _, oid in sorted(tokens[token]))) for token in sorted(tokens)
            ),
        )
