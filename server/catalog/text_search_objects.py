"""Parsers, templates, dictionaries and configurations of text search as catalog objects."""

from __future__ import annotations

from dataclasses import dataclass

from server.catalog.objects import CatalogObject, Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSearchConfiguration(CatalogObject):
    """A text search configuration: the dictionaries of each kind of token, in order."""

    schema: Oid
    parser: Oid
    mapping: tuple[tuple[int, tuple[Oid, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSearchDictionary(CatalogObject):
    """A text search dictionary: a template with options, as names and values."""

    schema: Oid
    template: Oid
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSearchParser(CatalogObject):
    """A text search parser: functions of the default one under another name."""

    schema: Oid
    start: Oid
    token: Oid
    end: Oid
    headline: Oid
    types: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSearchTemplate(CatalogObject):
    """A text search template: functions of a built-in one under another name."""

    schema: Oid
    init: Oid
    lexize: Oid
