"""EXTENSIONS: every extension that CREATE EXTENSION knows; what is not listed does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.extensions.adminpack import ADMINPACK
from server.extensions.amcheck import AMCHECK
from server.extensions.autoinc import AUTOINC
from server.extensions.btree_classes import BTREE_GIN, BTREE_GIST
from server.extensions.citext import CITEXT
from server.extensions.cube import CUBE
from server.extensions.dictionaries import DICT_INT, DICT_XSYN
from server.extensions.earthdistance import EARTHDISTANCE
from server.extensions.file_fdw import FILE_FDW
from server.extensions.fuzzystrmatch import FUZZYSTRMATCH
from server.extensions.hstore import HSTORE
from server.extensions.intagg import INTAGG
from server.extensions.intarray import INTARRAY
from server.extensions.isn import ISN
from server.extensions.ltree import LTREE
from server.extensions.pg_stat_statements import PG_STAT_STATEMENTS
from server.extensions.pg_trgm import PG_TRGM
from server.extensions.pgcrypto import PGCRYPTO
from server.extensions.pgstattuple import PGSTATTUPLE
from server.extensions.postgres_fdw import POSTGRES_FDW
from server.extensions.row_triggers import INSERT_USERNAME, LO, MODDATETIME
from server.extensions.sslinfo import SSLINFO
from server.extensions.tablefunc import TABLEFUNC
from server.extensions.tcn import TCN
from server.extensions.unaccent import UNACCENT
from server.extensions.uuid_ossp import UUID_OSSP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.extensions.extension import DictionaryMaker, Extension

_ALL: Final[tuple[Extension, ...]] = (
    ADMINPACK,
    AMCHECK,
    AUTOINC,
    BTREE_GIN,
    BTREE_GIST,
    CITEXT,
    CUBE,
    DICT_INT,
    DICT_XSYN,
    EARTHDISTANCE,
    FILE_FDW,
    FUZZYSTRMATCH,
    HSTORE,
    INTAGG,
    INTARRAY,
    INSERT_USERNAME,
    ISN,
    LO,
    LTREE,
    MODDATETIME,
    PG_STAT_STATEMENTS,
    PG_TRGM,
    PGCRYPTO,
    PGSTATTUPLE,
    POSTGRES_FDW,
    SSLINFO,
    TABLEFUNC,
    TCN,
    UNACCENT,
    UUID_OSSP,
)
EXTENSIONS: Final[Mapping[str, Extension]] = {extension.name: extension for extension in _ALL}
BASE_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    f"{extension.library}:{each.name}": each.fields
    for extension in _ALL
    for each in extension.types
}
"""What makes types that extensions bring, by library and name."""


def dictionary_maker(library: str, symbol: str) -> DictionaryMaker | None:
    """What makes dictionaries of a template whose lexize function is that symbol of a library."""
    extension = EXTENSIONS.get(library.removeprefix("$libdir/"))
    return None if extension is None else extension.dictionaries.get(symbol)


def extension_function(library: str, symbol: str) -> dict[str, Any] | None:
    """What the fields of a Function behind a symbol of a library are."""
    extension = EXTENSIONS.get(library.removeprefix("$libdir/"))
    return None if extension is None else extension.function(symbol)
