"""Configurations and dictionaries of text search in use: made of catalog objects, and kept.

What a template does is told by its lexize function, of which the built-in ones and those of extensions exist.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from server.catalog.routine_objects import UserFunction
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchTemplate,
)
from server.errors import FeatureNotSupported, InternalError, UndefinedObject
from server.extensions.registry import dictionary_maker
from server.text_search.dictionary import Simple, Synonym
from server.text_search.document import Configuration
from server.text_search.ispell import Ispell
from server.text_search.stemmer import Snowball
from server.text_search.thesaurus import Thesaurus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Oid
    from server.extensions.extension import DictionaryMaker
    from server.text_search.dictionary import Dictionary, Option

PG_CATALOG_OID: Final = 11
THESAURUS_LEXIZE: Final = 3741
MAKERS: Final[dict[Oid, Callable[[Sequence[Option]], Dictionary]]] = {
    3726: Simple,
    3729: Synonym,
    3732: Ispell,
    13149: Snowball,
}
"""What makes dictionaries, by the lexize function of their template."""


@lru_cache(maxsize=256)
def _made(lexize: Oid, options: tuple[Option, ...]) -> Dictionary:
    return MAKERS[lexize](options)


@lru_cache(maxsize=256)
def _made_by(maker: DictionaryMaker, options: tuple[Option, ...]) -> Dictionary:
    made: Dictionary = maker(options)
    return made


def make_dictionary(
    view: CatalogView, path: Sequence[Oid], template: Oid, options: tuple[Option, ...]
) -> Dictionary:
    """A dictionary of a template; raises for options that the template does not take."""
    value = view.object(template)
    if not isinstance(value, TextSearchTemplate):
        raise UndefinedObject(f"text search template with OID {template} does not exist")
    if value.lexize == THESAURUS_LEXIZE:
        return Thesaurus(options, lambda name: dictionary_named(view, path, name))
    lexize = view.object(value.lexize)
    if isinstance(lexize, UserFunction) and lexize.language == "c":
        maker = dictionary_maker(lexize.binary, lexize.body)
        if maker is not None:
            return _made_by(maker, options)
    if value.lexize not in MAKERS:
        raise FeatureNotSupported(f'text search template "{value.name}" is not supported')
    return _made(value.lexize, options)


def dictionary_named(view: CatalogView, path: Sequence[Oid], name: str) -> Dictionary:
    """A dictionary by its name, which may have a schema."""
    parts = name.split(".")
    homes = path
    if len(parts) > 1:
        schema = view.schema_named(parts[-2])
        homes = () if schema is None else (schema.oid,)
    for home in homes:
        found = view.text_search_named("dictionary", home, parts[-1])
        if found is not None:
            return dictionary_of(view, found.oid)
    raise UndefinedObject(f'text search dictionary "{name}" does not exist')


def dictionary_of(view: CatalogView, oid: Oid) -> Dictionary:
    """The dictionary with that OID."""
    found: Dictionary | None = view.text_search.get(oid)
    if found is None:
        value = view.object(oid)
        if not isinstance(value, TextSearchDictionary):
            raise UndefinedObject(f"text search dictionary with OID {oid} does not exist")
        path = (PG_CATALOG_OID, value.schema)
        found = make_dictionary(view, path, value.template, value.options)
        view.text_search[oid] = found
    return found


def configuration_of(view: CatalogView, oid: Oid) -> Configuration:
    """The configuration with that OID."""
    found: Configuration | None = view.text_search.get(oid)
    if found is None:
        value = view.object(oid)
        if not isinstance(value, TextSearchConfiguration):
            raise InternalError(f"cache lookup failed for text search configuration {oid}")
        found = Configuration(
            {
                token: tuple(dictionary_of(view, each) for each in dictionaries)
                for token, dictionaries in value.mapping
            }
        )
        view.text_search[oid] = found
    return found
