"""CREATE and ALTER of text search configurations, dictionaries, parsers and templates.

Rule 1: built-in ones are never changed; who wants another english copies it.
Rule 2: a dictionary is made once when it is defined, so that wrong options are refused then.
Rule 3: parsers and templates are functions that are built in or came with an extension: there is no way to add code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from server.catalog.names import TEXT_SEARCH_KINDS
from server.catalog.text_search import make_dictionary
from server.catalog.text_search_objects import (
    TextSearchConfiguration,
    TextSearchDictionary,
    TextSearchParser,
    TextSearchTemplate,
)
from server.catalog.views.physical import named_facts
from server.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InsufficientPrivilege,
    InvalidObjectDefinition,
    InvalidParameterValue,
    SqlSyntaxError,
    UndefinedFunction,
    UndefinedObject,
    UniqueViolation,
)
from server.oids import FIRST_USER_OID, INTERNAL
from server.sql import nodes
from server.sql import utility_text_search as tree
from server.statements.definitions import name_in
from server.statements.names import claim_name, schema_named, split_name, target_schema
from server.statements.ownership import require_owner
from server.statements.routine_names import exact_function
from server.statements.statement import Utility
from server.text_search.parser_states import TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.catalog.objects import CatalogObject
    from server.sql.object_names import ObjectName
    from server.sql.utility_functions import Define
    from server.sql.utility_statement import Name, Option
    from server.statements.statement import Run, StatementContext

NAME_INDEXES: Final = {
    "configuration": ("pg_ts_config_cfgname_index", "cfgname, cfgnamespace"),
    "dictionary": ("pg_ts_dict_dictname_index", "dictname, dictnamespace"),
    "parser": ("pg_ts_parser_prsname_index", "prsname, prsnamespace"),
    "template": ("pg_ts_template_tmplname_index", "tmplname, tmplnamespace"),
}
_FUNCTION_SHAPES: Final = ((INTERNAL,), (INTERNAL,) * 4)
# Functions that PostgreSQL makes when a cluster is initialised, in no list of its.
SNOWBALL_FUNCTIONS: Final = {"dsnowball_init": 13148, "dsnowball_lexize": 13149}


def find(context: StatementContext, kind: str, parts: Name) -> CatalogObject:
    """A text search object of a kind by name; raises UndefinedObject."""
    schema, name = split_name(context, parts)
    homes = (schema_named(context, schema).oid,) if schema else tuple(context.search_path())
    for home in homes:
        found = context.catalog.text_search_named(kind, home, name)
        if found is not None:
            return found
    raise UndefinedObject(f'text search {kind} "{".".join(parts)}" does not exist')


def text_search_named(context: StatementContext, kind: str, name: ObjectName) -> CatalogObject:
    """An object that DROP, COMMENT and the like name; built-in ones are nobody's."""
    found = find(context, kind.removeprefix("text search "), name.parts)
    refuse_builtin(kind, found)
    return found


def refuse_builtin(kind: str, value: CatalogObject) -> None:
    """Raise for an object that every database has."""
    if value.oid < FIRST_USER_OID:
        raise FeatureNotSupported(f'built-in {kind} "{value.name}" cannot be changed')


def _claimed(context: StatementContext, kind: str, parts: Name) -> Any:
    """The schema and name of a new object, which nobody else makes now."""
    schema, name = target_schema(context, parts)
    yield from claim_name(context, schema, name)
    refuse_taken(context, kind, schema, name)
    return schema, name


def refuse_taken(context: StatementContext, kind: str, schema: int, name: str) -> None:
    """Raise if an object of the kind has that name, as the index of the catalog would."""
    if context.catalog.text_search_named(kind, schema, name) is not None:
        index, columns = NAME_INDEXES[kind]
        raise UniqueViolation(
            f'duplicate key value violates unique constraint "{index}"',
            detail=f"Key ({columns})=({name}, {schema}) already exists.",
        )


def _written(option: Option) -> str:
    """The value of an option as text."""
    value: Any = option.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, nodes.TypeName | tuple):
        return ".".join(name_in(option))
    return str(value)


# Configurations


def create_configuration(context: StatementContext, statement: Define) -> Run:
    """CREATE TEXT SEARCH CONFIGURATION."""
    schema, name = yield from _claimed(context, "configuration", statement.name)
    parser: CatalogObject | None = None
    source: CatalogObject | None = None
    for option in statement.options:
        if option.name == "parser":
            parser = find(context, "parser", name_in(option))
        elif option.name == "copy":
            source = find(context, "configuration", name_in(option))
        else:
            raise SqlSyntaxError(
                f'text search configuration parameter "{option.name}" not recognized'
            )
    if parser is not None and source is not None:
        raise SqlSyntaxError("cannot specify both PARSER and COPY options")
    if parser is None and source is None:
        raise InvalidObjectDefinition("text search parser is required")
    value = TextSearchConfiguration(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        parser=parser.oid if parser is not None else 0,
    )
    if isinstance(source, TextSearchConfiguration):
        value = replace(value, parser=source.parser, mapping=source.mapping)
    context.ddl.put(value)
    return statement.tag


def alter_configuration(
    context: StatementContext, statement: tree.AlterTextSearchConfiguration
) -> Run:
    """ALTER TEXT SEARCH CONFIGURATION ... MAPPING."""
    yield from ()
    found = find(context, "configuration", statement.name)
    assert isinstance(found, TextSearchConfiguration)
    require_owner(context, found, "text search configuration")
    refuse_builtin("text search configuration", found)
    tokens = _token_numbers(statement.tokens)
    oids = tuple(find(context, "dictionary", parts).oid for parts in statement.dictionaries)
    mapping = dict(found.mapping)
    change = _CHANGES[statement.action]
    change(context, mapping, tokens, oids, statement)
    changed = tuple((token, mapping[token]) for token in sorted(mapping))
    context.ddl.put(replace(found, mapping=changed))
    return statement.tag


def _token_numbers(names: tuple[str, ...]) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in names:
        if name not in TOKENS:
            raise InvalidParameterValue(f'token type "{name}" does not exist')
        found[TOKENS.index(name) + 1] = name
    return found


Mapping_ = dict[int, tuple[int, ...]]
"""The dictionaries of kinds of tokens."""


def _add(
    _context: StatementContext,
    mapping: Mapping_,
    tokens: dict[int, str],
    oids: tuple[int, ...],
    _statement: tree.AlterTextSearchConfiguration,
) -> None:
    for token in tokens:
        if token in mapping:
            raise UniqueViolation(
                'duplicate key value violates unique constraint "pg_ts_config_map_index"'
            )
        mapping[token] = oids


def _alter(
    _context: StatementContext,
    mapping: Mapping_,
    tokens: dict[int, str],
    oids: tuple[int, ...],
    _statement: tree.AlterTextSearchConfiguration,
) -> None:
    mapping.update(dict.fromkeys(tokens, oids))


def _replace(
    _context: StatementContext,
    mapping: Mapping_,
    tokens: dict[int, str],
    oids: tuple[int, ...],
    _statement: tree.AlterTextSearchConfiguration,
) -> None:
    old, new = oids
    for token, dictionaries in mapping.items():
        if not tokens or token in tokens:
            mapping[token] = tuple(new if oid == old else oid for oid in dictionaries)


def _drop(
    context: StatementContext,
    mapping: Mapping_,
    tokens: dict[int, str],
    _oids: tuple[int, ...],
    statement: tree.AlterTextSearchConfiguration,
) -> None:
    for token, name in tokens.items():
        if mapping.pop(token, None) is not None:
            continue
        message = f'mapping for token type "{name}" does not exist'
        if not statement.if_exists:
            raise UndefinedObject(message)
        context.notice("00000", f"{message}, skipping")


_CHANGES: Final = {"add": _add, "alter": _alter, "replace": _replace, "drop": _drop}


# Dictionaries


def create_dictionary(context: StatementContext, statement: Define) -> Run:
    """CREATE TEXT SEARCH DICTIONARY."""
    schema, name = yield from _claimed(context, "dictionary", statement.name)
    template: CatalogObject | None = None
    options: list[tuple[str, str]] = []
    for option in statement.options:
        if option.name == "template":
            template = find(context, "template", name_in(option))
        else:
            options.append((option.name, _written(option)))
    if template is None:
        raise InvalidObjectDefinition("text search template is required")
    value = TextSearchDictionary(
        oid=context.new_oid(),
        name=name,
        owner=context.user_oid,
        schema=schema,
        template=template.oid,
        options=tuple(options),
    )
    _check_dictionary(context, value)
    context.ddl.put(value)
    return statement.tag


def _check_dictionary(context: StatementContext, value: TextSearchDictionary) -> None:
    path = tuple(context.search_path())
    make_dictionary(context.catalog, path, value.template, value.options)


def alter_dictionary(context: StatementContext, statement: tree.AlterTextSearchDictionary) -> Run:
    """ALTER TEXT SEARCH DICTIONARY."""
    yield from ()
    found = find(context, "dictionary", statement.name)
    assert isinstance(found, TextSearchDictionary)
    require_owner(context, found, name=".".join(statement.name))
    refuse_builtin("text search dictionary", found)
    options = dict(found.options)
    for option in statement.options:
        options.pop(option.name, None)
        if option.value is not None:
            options[option.name] = _written(option)
    value = replace(found, options=tuple(options.items()))
    _check_dictionary(context, value)
    context.ddl.put(value)
    return statement.tag


# Parsers and templates


def create_parser(context: StatementContext, statement: Define) -> Run:
    """CREATE TEXT SEARCH PARSER."""
    _require_superuser(context, "parsers")
    schema, name = yield from _claimed(context, "parser", statement.name)
    functions = _functions(
        context, statement, "parser", ("start", "gettoken", "end", "headline", "lextypes")
    )
    for option, words in (
        ("start", "start"),
        ("gettoken", "gettoken"),
        ("end", "end"),
        ("lextypes", "lextypes"),
    ):
        if not functions[option]:
            raise InvalidObjectDefinition(f"text search parser {words} method is required")
    context.ddl.put(
        TextSearchParser(
            oid=context.new_oid(),
            name=name,
            owner=context.user_oid,
            schema=schema,
            start=functions["start"],
            token=functions["gettoken"],
            end=functions["end"],
            headline=functions["headline"],
            types=functions["lextypes"],
        )
    )
    return statement.tag


def create_template(context: StatementContext, statement: Define) -> Run:
    """CREATE TEXT SEARCH TEMPLATE."""
    _require_superuser(context, "templates")
    schema, name = yield from _claimed(context, "template", statement.name)
    functions = _functions(context, statement, "template", ("init", "lexize"))
    if not functions["lexize"]:
        raise InvalidObjectDefinition("text search template lexize method is required")
    context.ddl.put(
        TextSearchTemplate(
            oid=context.new_oid(),
            name=name,
            owner=context.user_oid,
            schema=schema,
            init=functions["init"],
            lexize=functions["lexize"],
        )
    )
    return statement.tag


def _require_superuser(context: StatementContext, kinds: str) -> None:
    role: Any = context.catalog.object(context.user_oid)
    if not role.superuser:
        raise InsufficientPrivilege(f"must be superuser to create text search {kinds}")


def _functions(
    context: StatementContext, statement: Define, kind: str, known: tuple[str, ...]
) -> dict[str, int]:
    """The functions that options name, 0 for those left out."""
    found = dict.fromkeys(known, 0)
    for option in statement.options:
        if option.name not in found:
            raise SqlSyntaxError(f'text search {kind} parameter "{option.name}" not recognized')
        parts = name_in(option)
        name = parts[-1]
        own = exact_function(context, parts, _FUNCTION_SHAPES)
        oids = (
            [own.oid]
            if own is not None and own.oid >= FIRST_USER_OID
            else [row["oid"] for row in named_facts("pg_proc") if row["proname"] == name]
        )
        oid = SNOWBALL_FUNCTIONS.get(name, oids[0] if oids else 0)
        if not oid:
            raise UndefinedFunction(f"function {name}(internal) does not exist")
        found[option.name] = oid
    return found


# What is alike for all of them


def rename_text_search(context: StatementContext, statement: Any) -> Any:
    """ALTER TEXT SEARCH ... RENAME TO."""
    found: Any = text_search_named(context, statement.kind, statement.name)
    require_owner(context, found, statement.kind)
    yield from claim_name(context, found.schema, statement.new_name)
    refuse_same_name(context, statement.kind, found.schema, statement.new_name)
    context.ddl.put(replace(found, name=statement.new_name))


def move_text_search(context: StatementContext, statement: Any, schema: int) -> Any:
    """ALTER TEXT SEARCH ... SET SCHEMA."""
    found: Any = text_search_named(context, statement.kind, statement.name)
    require_owner(context, found, statement.kind)
    yield from claim_name(context, schema, found.name)
    if schema != found.schema:
        refuse_same_name(context, statement.kind, schema, found.name)
    context.ddl.put(replace(found, schema=schema))


def refuse_same_name(context: StatementContext, kind: str, schema: int, name: str) -> None:
    """Raise DuplicateObject if an object of the kind has that name."""
    if context.catalog.text_search_named(kind.removeprefix("text search "), schema, name):
        home = context.catalog.object(schema)
        assert home is not None
        raise DuplicateObject(f'{kind} "{name}" already exists in schema "{home.name}"')


DEFINERS: Final[Mapping[str, Callable[[StatementContext, Define], Run]]] = {
    "text search configuration": create_configuration,
    "text search dictionary": create_dictionary,
    "text search parser": create_parser,
    "text search template": create_template,
}
KIND_WORDS: Final = tuple(f"text search {kind}" for kind in TEXT_SEARCH_KINDS)

UTILITIES = (
    Utility(node=tree.AlterTextSearchConfiguration, run=alter_configuration),
    Utility(node=tree.AlterTextSearchDictionary, run=alter_dictionary),
)
