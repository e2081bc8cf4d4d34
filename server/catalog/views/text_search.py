"""pg_ts_config, pg_ts_config_map, pg_ts_dict, pg_ts_parser and pg_ts_template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.views.relation import Row, SystemRelation
from server.identifiers import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.catalog.catalog_view import CatalogView

NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?")


def written_options(options: Sequence[tuple[str, str]]) -> str | None:
    """Options as pg_ts_dict shows them; numbers without quotes."""
    shown = []
    for name, value in options:
        escape = "E" if "\\" in value else ""
        quoted = escape + "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
        shown.append(f"{quote_identifier(name)} = {value if NUMBER.fullmatch(value) else quoted}")
    return ", ".join(shown) or None


def _configurations(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(TextSearchConfiguration):
        yield {
            "oid": value.oid,
            "cfgname": value.name,
            "cfgnamespace": value.schema,
            "cfgowner": value.owner,
            "cfgparser": value.parser,
        }


def _mappings(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(TextSearchConfiguration):
        for token, dictionaries in value.mapping:
            for number, oid in enumerate(dictionaries, 1):
                yield {
                    "mapcfg": value.oid,
                    "maptokentype": token,
                    "mapseqno": number,
                    "mapdict": oid,
                }


def _dictionaries(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(TextSearchDictionary):
        yield {
            "oid": value.oid,
            "dictname": value.name,
            "dictnamespace": value.schema,
            "dictowner": value.owner,
            "dicttemplate": value.template,
            "dictinitoption": written_options(value.options),
        }


def _parsers(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(TextSearchParser):
        yield {
            "oid": value.oid,
            "prsname": value.name,
            "prsnamespace": value.schema,
            "prsstart": value.start,
            "prstoken": value.token,
            "prsend": value.end,
            "prsheadline": value.headline,
            "prslextype": value.types,
        }


def _templates(view: CatalogView) -> Iterator[Row]:
    for value in view.state.of_kind(TextSearchTemplate):
        yield {
            "oid": value.oid,
            "tmplname": value.name,
            "tmplnamespace": value.schema,
            "tmplinit": value.init,
            "tmpllexize": value.lexize,
        }


RELATIONS = (
    SystemRelation(name="pg_ts_config", file="pg_ts_config", objects=_configurations),
    SystemRelation(name="pg_ts_config_map", file="pg_ts_config_map", objects=_mappings),
    SystemRelation(name="pg_ts_dict", file="pg_ts_dict", objects=_dictionaries),
    SystemRelation(name="pg_ts_parser", file="pg_ts_parser", objects=_parsers),
    SystemRelation(name="pg_ts_template", file="pg_ts_template", objects=_templates),
)
