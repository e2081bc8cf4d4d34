"""Extension: what CREATE EXTENSION makes, as a value.

An extension has functions of its own and a script that declares them, with operators, casts and the
like. The script is run in the extension's schema; `library` and a symbol name a function in it, as
for functions in C.

Rule 1: an extension is listed in server.extensions.registry; what is not listed does not exist.
Rule 2: its objects are ordinary objects of the catalog, with OIDs given when they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseType:
    """A type that an extension brings: fields of server.types.type.Type, codecs among them."""

    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension. declarations: a line a function, see `script`; more: SQL behind them.

    Functions listed in in_context get the CallContext first; those in waiting run queries. by_columns: what makes
    the function of records with the columns that a call asks for, as in Function. operator_classes: access method,
    name and type of each; default_classes: those that a key of the type has without naming one. schema: where it
    has to be, if anywhere.
    trusted: whoever may make objects in the database may install it.
    """

    name: str
    version: str
    comment: str
    declarations: str
    functions: Mapping[str, Row]
    types: tuple[BaseType, ...] = ()
    more: str = ""
    in_context: frozenset[str] = field(default_factory=frozenset)
    by_columns: Mapping[str, Callable[[Any], Row]] = field(default_factory=dict)
    waiting: frozenset[str] = field(default_factory=frozenset)
    operator_classes: tuple[tuple[str, str, int], ...] = ()
    default_classes: tuple[tuple[str, str, int], ...] = ()
    schema: str = ""
    trusted: bool = True

    @property
    def library(self) -> str:
        """The name that the functions' declarations give as their library."""
        return f"$libdir/{self.name}"

    def script(self) -> str:
        """The SQL that makes the functions, and what is made of them.

        A declaration is `name(arguments) result words = symbol`; the words are those of CREATE
        FUNCTION, and functions are immutable and strict without any.
        """
        parts = [self._declared(line) for line in self.declarations.strip().splitlines()]
        return "\n".join((*parts, self.more))

    def _declared(self, line: str) -> str:
        declared, _, symbol = line.rpartition(" = ")
        signature, result = declared.split(") ", 1)
        words = "immutable strict"
        if " | " in result:
            result, words = result.split(" | ")
        return (
            f"create function {signature}) returns {result} language c {words} parallel safe "
            f"as '{self.library}', '{symbol}';"
        )
