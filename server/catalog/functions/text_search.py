"""Text search by configurations and dictionaries of the catalog: documents, queries, headlines, tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import names_of, session_of, view_of
from server.catalog.text_search import configuration_of, dictionary_of
from server.catalog.text_search_objects import TextSearchConfiguration, TextSearchParser
from server.errors import InternalError, InvalidParameterValue, SqlSyntaxError, UndefinedObject
from server.functions.declare import row
from server.functions.json_strings import map_strings, values_of
from server.oids import REGDICTIONARY, TEXT, TSVECTOR
from server.text_search.document import DocumentReader, vector_of, words_of
from server.text_search.headline import headline, style_of
from server.text_search.matching import matches
from server.text_search.parser import parse
from server.text_search.parser_states import DESCRIPTIONS, TOKENS
from server.text_search.query_edits import rewritten
from server.text_search.query_texts import plain_query, query_of, web_query
from server.text_search.statistics import document_statistics
from server.types.array import Array, make_array
from server.types.tsquery import AND, PHRASE, TsQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.catalog.objects import Oid
    from server.functions.function import CallContext, Function
    from server.text_search.document import Configuration, Word
    from server.text_search.parser import Token
    from server.types.jsonb import Jsonb
    from server.types.tsvector import TsVector

OPTION: Final = re.compile(r"\s*(\w+)\s*=\s*(\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[^,]*?)\s*(?:,|$)")


def _current(call: CallContext) -> Oid:
    """The configuration that default_text_search_config names."""
    name = session_of(call).settings.show("default_text_search_config")
    return names_of(call).oid_of("regconfig", name)


def _configuration(call: CallContext, oid: Oid) -> Configuration:
    return configuration_of(view_of(call), oid)


def _by_both(
    oids: tuple[int, int], signature: str, implementation: Callable[..., Any], doc: str
) -> tuple[Function, Function]:
    """A function by a given configuration, and by the current one."""
    name, _, rest = signature.partition("(")

    def current(call: CallContext, *arguments: Any) -> Any:
        return implementation(call, _current(call), *arguments)

    return (
        row(
            f"{oids[0]} {name}(regconfig, {rest} context",
            implementation,
            doc,
            needs_catalog=True,
        ),
        row(f"{oids[1]} {name}({rest} stable context", current, f"{doc} By the current one."),
    )


# Documents.


def _vector(call: CallContext, oid: Oid, text: str) -> TsVector:
    return vector_of(words_of(_configuration(call, oid), text))


def _vector_of_texts(configuration: Configuration, texts: Iterator[str]) -> TsVector:
    """A document of several texts; phrases do not go over their borders."""
    document = DocumentReader(configuration)
    words: list[Word] = []
    for text in texts:
        found = list(document.words(text))
        document.position += bool(found)
        words += found
    return vector_of(words)


def _json_strings(call: CallContext, oid: Oid, value: Jsonb | str) -> TsVector:
    texts = values_of(value, frozenset(("string",)))
    return _vector_of_texts(_configuration(call, oid), texts)


def _json_values(call: CallContext, oid: Oid, value: Jsonb | str, filters: Jsonb) -> TsVector:
    texts = values_of(value, _kinds(filters))
    return _vector_of_texts(_configuration(call, oid), texts)


KINDS_HINT: Final = 'Possible values are: "string", "numeric", "boolean", "key", and "all".'
KINDS: Final = frozenset(("string", "numeric", "boolean", "key"))


def _kinds(filters: Jsonb) -> frozenset[str]:
    """The kinds of values that go into a document."""
    items = filters.value if isinstance(filters.value, list) else [filters.value]
    if isinstance(filters.value, dict):
        raise InvalidParameterValue("wrong flag type, only arrays and scalars are allowed")
    found: set[str] = set()
    for item in items:
        if isinstance(item, list | dict):
            raise InternalError("unexpected end of flag array")
        if not isinstance(item, str):
            raise InvalidParameterValue("flag array element is not a string", hint=KINDS_HINT)
        if item.lower() == "all":
            found |= KINDS
        elif item.lower() in KINDS:
            found.add(item.lower())
        else:
            raise InvalidParameterValue(f'wrong flag in flag array: "{item}"', hint=KINDS_HINT)
    return frozenset(found)


# Queries.


def _query(call: CallContext, oid: Oid, text: str) -> TsQuery:
    return _said(call, query_of(_configuration(call, oid), text))


def _plain(call: CallContext, oid: Oid, text: str) -> TsQuery:
    return _said(call, plain_query(_configuration(call, oid), text, AND))


def _phrase(call: CallContext, oid: Oid, text: str) -> TsQuery:
    return _said(call, plain_query(_configuration(call, oid), text, PHRASE))


def _web(call: CallContext, oid: Oid, text: str) -> TsQuery:
    return _said(call, web_query(_configuration(call, oid), text))


def _said(call: CallContext, query: TsQuery) -> TsQuery:
    """Tell the client of a query that finds nothing."""
    if query.root is None:
        session_of(call).notice(
            "00000",
            "text-search query contains only stop words or doesn't contain lexemes, ignored",
        )
    return query


def _match_texts(call: CallContext, document: str, query: str) -> bool:
    oid = _current(call)
    return matches(_vector(call, oid, document), _plain(call, oid, query))


def _match_text(call: CallContext, document: str, query: TsQuery) -> bool:
    return matches(_vector(call, _current(call), document), query)


# Headlines.


def _options(text: str) -> list[tuple[str, str]]:
    """Options as name = value, ...; values may be quoted."""
    found, position = [], 0
    while position < len(text):
        match = OPTION.match(text, position)
        if match is None:
            raise SqlSyntaxError(f'invalid parameter list format: "{text}"')
        name, value = match.groups()
        if value[:1] in ('"', "'"):
            value = value[1:-1].replace(value[0] * 2, value[0])
        found.append((name, value))
        position = match.end()
    return found


def _headline(call: CallContext, oid: Oid, text: str, query: TsQuery, options: str = "") -> str:
    return headline(_configuration(call, oid), text, query, style_of(_options(options)))


def _json_headline(
    call: CallContext, oid: Oid, value: Jsonb | str, query: TsQuery, options: str = ""
) -> Jsonb | str:
    """The value with a headline in place of every string."""
    configuration, style = _configuration(call, oid), style_of(_options(options))
    return map_strings(value, lambda text: headline(configuration, text, query, style))


# Tokens and dictionaries.


def _lexize(call: CallContext, oid: Oid, word: str) -> Array | None:
    found = dictionary_of(view_of(call), oid).lexize(word)
    if found is None:
        return None
    return make_array(TEXT, tuple(variant.word for variant in found))


def _check_parser(call: CallContext, parser: Oid | str) -> None:
    if isinstance(parser, int):
        if isinstance(view_of(call).object(parser), TextSearchParser):
            return
        raise InternalError(f"cache lookup failed for text search parser {parser}")
    names_of(call).text_search_oid("parser", parser)


def _tokens(call: CallContext, parser: Oid | str, text: str) -> Iterator[tuple[int, str]]:
    _check_parser(call, parser)
    return ((token.kind, token.text) for token in parse(text))


def _token_types(call: CallContext, parser: Oid | str) -> Iterator[tuple[int, str, str]]:
    _check_parser(call, parser)
    pairs = zip(TOKENS, DESCRIPTIONS, strict=True)
    return ((number, name, words) for number, (name, words) in enumerate(pairs, 1))


def _debug(call: CallContext, oid: Oid, text: str) -> Iterator[tuple[Any, ...]]:
    value = view_of(call).object(oid)
    if not isinstance(value, TextSearchConfiguration):
        raise UndefinedObject(f"text search configuration with OID {oid} does not exist")
    mapping = dict(value.mapping)
    return (_explained(call, token, mapping.get(token.kind, ())) for token in parse(text))


def _explained(call: CallContext, token: Token, oids: tuple[Oid, ...]) -> tuple[Any, ...]:
    """A token with the dictionary that knows it and what that makes of it."""
    dictionary: Oid | None = None
    lexemes: Array | None = None
    for oid in oids:
        lexemes = _lexize(call, oid, token.text)
        if lexemes is not None:
            dictionary = oid
            break
    return (
        TOKENS[token.kind - 1],
        DESCRIPTIONS[token.kind - 1],
        token.text,
        make_array(REGDICTIONARY, oids),
        dictionary,
        lexemes,
    )


# By queries.


def _statistics(call: CallContext, text: str, weights: str = "") -> Iterator[tuple[str, int, int]]:
    planned, rows = call.execution.query(text)
    types = planned.types
    if len(types) != 1 or types[0].oid != TSVECTOR:
        raise InvalidParameterValue("ts_stat query must return one tsvector column")
    return iter(document_statistics((value for (value,) in rows if value is not None), weights))


def _rewrite(call: CallContext, query: TsQuery, text: str) -> TsQuery:
    planned, rows = call.execution.query(text)
    if [each.oid for each in planned.types] != [3615, 3615]:
        raise InvalidParameterValue("ts_rewrite query must return two tsquery columns")
    return rewritten(query, [pair for pair in rows if None not in pair], in_order=True)


_DEBUG: Final = (
    "record(alias text, description text, token text, dictionaries _regdictionary, "
    "dictionary regdictionary, lexemes _text) set"
)
FUNCTIONS: Final = (
    row(
        "3759 get_current_ts_config() regconfig stable context",
        _current,
        "the text search configuration that is used where none is given",
    ),
    *_by_both((3745, 3749), "to_tsvector(text) tsvector", _vector, "The document of a text."),
    *_by_both(
        (4211, 4209), "to_tsvector(jsonb) tsvector", _json_strings, "The document of all strings."
    ),
    *_by_both(
        (4212, 4210), "to_tsvector(json) tsvector", _json_strings, "The document of all strings."
    ),
    *_by_both(
        (4214, 4213),
        "jsonb_to_tsvector(jsonb, jsonb) tsvector",
        _json_values,
        "The document of values of some kinds.",
    ),
    *_by_both(
        (4216, 4215),
        "json_to_tsvector(json, jsonb) tsvector",
        _json_values,
        "The document of values of some kinds.",
    ),
    *_by_both((3746, 3750), "to_tsquery(text) tsquery", _query, "A query with operators."),
    *_by_both((3747, 3751), "plainto_tsquery(text) tsquery", _plain, "A query for all words."),
    *_by_both((5006, 5001), "phraseto_tsquery(text) tsquery", _phrase, "A query for a phrase."),
    *_by_both((5007, 5009), "websearch_to_tsquery(text) tsquery", _web, "A query as one types it."),
    row("3760 ts_match_tt(text, text) bool stable context", _match_texts, "whether texts match"),
    row("3761 ts_match_tq(text, tsquery) bool stable context", _match_text, "whether it matches"),
    *_by_both(
        (3743, 3754), "ts_headline(text, tsquery, text) text", _headline, "What matches in a text."
    ),
    *_by_both((3744, 3755), "ts_headline(text, tsquery) text", _headline, "What matches there."),
    *_by_both(
        (4201, 4203),
        "ts_headline(jsonb, tsquery, text) jsonb",
        _json_headline,
        "What matches in strings.",
    ),
    *_by_both(
        (4202, 4204), "ts_headline(jsonb, tsquery) jsonb", _json_headline, "What matches there."
    ),
    *_by_both(
        (4205, 4207),
        "ts_headline(json, tsquery, text) json",
        _json_headline,
        "What matches in strings.",
    ),
    *_by_both(
        (4206, 4208), "ts_headline(json, tsquery) json", _json_headline, "What matches there."
    ),
    row(
        "3723 ts_lexize(regdictionary, text) _text context",
        _lexize,
        "what a dictionary makes of a word",
        needs_catalog=True,
    ),
    row(
        "3715 ts_parse(parser_oid oid, txt text) record(tokid int4, token text) set context",
        _tokens,
        "the tokens of a text",
    ),
    row(
        "3716 ts_parse(parser_name text, txt text) record(tokid int4, token text) "
        "stable set context",
        _tokens,
        "the tokens of a text",
    ),
    row(
        "3713 ts_token_type(parser_oid oid) record(tokid int4, alias text, description text) "
        "set context",
        _token_types,
        "the kinds of tokens of a parser",
    ),
    row(
        "3714 ts_token_type(parser_name text) record(tokid int4, alias text, description text) "
        "stable set context",
        _token_types,
        "the kinds of tokens of a parser",
    ),
    row(
        f"6183 ts_debug(config regconfig, document text) {_DEBUG} stable context",
        _debug,
        "what becomes of the tokens of a text",
    ),
    row(
        f"6184 ts_debug(document text) {_DEBUG} stable context",
        lambda call, text: _debug(call, _current(call), text),
        "what becomes of the tokens of a text",
    ),
    row(
        "3689 ts_stat(query text) record(word text, ndoc int4, nentry int4) volatile set context",
        _statistics,
        "how often words are in the documents of a query",
    ),
    row(
        "3690 ts_stat(query text, weights text) record(word text, ndoc int4, nentry int4) "
        "volatile set context",
        _statistics,
        "how often words are in the documents of a query",
    ),
    row(
        "3685 ts_rewrite(tsquery, text) tsquery volatile context",
        _rewrite,
        "the query with parts put for others, by the rows of another query",
    ),
)
