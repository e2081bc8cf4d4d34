"""ALTER TEXT SEARCH CONFIGURATION and DICTIONARY; CREATE is a Define, DROP and the rest are as for others."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, names
from server.sql.grammar import tree
from server.sql.utility_statement import Name, Option, UtilityStatement, options


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterTextSearchConfiguration(UtilityStatement):
    """ALTER TEXT SEARCH CONFIGURATION ... MAPPING: action is `add alter replace drop`.

    replace has two dictionaries, the old one and the new one, and perhaps kinds of tokens.
    """

    command_tag = "ALTER TEXT SEARCH CONFIGURATION"
    name: Name
    action: str
    tokens: tuple[str, ...] = ()
    dictionaries: tuple[Name, ...] = ()
    if_exists: bool = False


MAPPING_ACTIONS: Final = {
    tree.ALTER_TSCONFIG_ADD_MAPPING: "add",
    tree.ALTER_TSCONFIG_ALTER_MAPPING_FOR_TOKEN: "alter",
    tree.ALTER_TSCONFIG_REPLACE_DICT: "replace",
    tree.ALTER_TSCONFIG_REPLACE_DICT_FOR_TOKEN: "replace",
    tree.ALTER_TSCONFIG_DROP_MAPPING: "drop",
}


def alter_configuration(
    _context: Context, message: tree.AlterTSConfigurationStmt
) -> AlterTextSearchConfiguration:
    """Convert ALTER TEXT SEARCH CONFIGURATION."""
    return AlterTextSearchConfiguration(
        name=names(message.cfgname),
        action=MAPPING_ACTIONS[message.kind],
        tokens=names(message.tokentype),
        dictionaries=tuple(names(item.list.items) for item in message.dicts),
        if_exists=message.missing_ok,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterTextSearchDictionary(UtilityStatement):
    """ALTER TEXT SEARCH DICTIONARY; an option without a value is removed."""

    command_tag = "ALTER TEXT SEARCH DICTIONARY"
    name: Name
    options: tuple[Option, ...]


def alter_dictionary(
    context: Context, message: tree.AlterTSDictionaryStmt
) -> AlterTextSearchDictionary:
    """Convert ALTER TEXT SEARCH DICTIONARY."""
    return AlterTextSearchDictionary(
        name=names(message.dictname), options=options(context, message.options)
    )


UTILITIES: Final = {
    "alter_tsconfiguration_stmt": alter_configuration,
    "alter_tsdictionary_stmt": alter_dictionary,
}
