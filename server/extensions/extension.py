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
from typing import TYPE_CHECKING, Any, Final, NoReturn

from server.errors import FeatureNotSupported

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = Callable[..., Any]
DictionaryMaker = Callable[..., Any]  # (options) -> Dictionary
NOT_CALLED: Final = "internal"
"""The symbol of functions that are there to be named: what they are for is done without them."""
ROLES: Final = ("input", "output", "receive", "send")
_SIGNATURES: Final = {
    "input": "(cstring) {}",
    "output": "({}) cstring",
    "receive": "(internal) {}",
    "send": "({}) bytea",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseType:
    """A type that an extension brings: fields of server.types.type.Type, codecs among them.

    functions: the names of its input, output, receive and send functions where they are others than its own name
    with _in, _out, _recv and _send; the last two may be missing. subscript: the name of its handler of subscripts.
    """

    name: str
    fields: Mapping[str, Any]
    functions: tuple[str, ...] = ()
    subscript: str = ""

    @property
    def input_output(self) -> dict[str, str]:
        """The names of the functions that read and write it, by the part that they play."""
        names = self.functions or tuple(
            f"{self.name}_{end}" for end in ("in", "out", "recv", "send")
        )
        return dict(zip(ROLES, (*names, "", "")[: len(ROLES)], strict=True))

    def declarations(self) -> Iterator[str]:
        """Those functions, as an Extension declares its own."""
        for role, function in self.input_output.items():
            if function:
                yield f"{function}{_SIGNATURES[role].format(self.name)} = {self.name}:{role}"
        if self.subscript:
            yield f"{self.subscript}(internal) internal = {self.name}:subscript"

    def row(self, role: str) -> Row:
        """What calls of one of those functions do; it gets the CallContext first."""
        if role == "input":
            return lambda call, text: self.fields["parse"](text, -1, call.style)
        if role == "output":
            return lambda call, value: self.fields["format"](value, call.style)
        if role == "send":
            return lambda _call, value: self.fields["send"](value)
        return _refuse


def _refuse(*_: Any) -> NoReturn:
    raise FeatureNotSupported("cannot accept a value of type internal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension. declarations: a line a function, see `script`; more: SQL behind them.

    Functions listed in in_context get the CallContext first; those in waiting run queries or wait for locks.
    by_columns: what makes the function of records with the columns that a call asks for, as in Function.
    operator_classes: access method, name and type of each; default_classes: those that a key of the type has
    without naming one. schema: where it has to be, if anywhere. requires: the extensions that have to be there
    before. relocatable: whether its schema may be changed. dictionaries: what makes dictionaries of text search,
    by the symbols of templates' lexize functions. trusted: whoever may make objects in the database may install it.
    """

    name: str
    version: str
    comment: str
    declarations: str
    functions: Mapping[str, Row]
    dictionaries: Mapping[str, DictionaryMaker] = field(default_factory=dict)
    types: tuple[BaseType, ...] = ()
    more: str = ""
    in_context: frozenset[str] = field(default_factory=frozenset)
    by_columns: Mapping[str, Callable[[Any], Row]] = field(default_factory=dict)
    waiting: frozenset[str] = field(default_factory=frozenset)
    operator_classes: tuple[tuple[str, str, int], ...] = ()
    default_classes: tuple[tuple[str, str, int], ...] = ()
    schema: str = ""
    requires: tuple[str, ...] = ()
    relocatable: bool = True
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
        lines = [line for base in self.types for line in base.declarations()]
        lines += self.declarations.strip().splitlines()
        parts = [self._declared(line) for line in lines]
        return "\n".join((*parts, self.more))

    def function(self, symbol: str) -> dict[str, Any] | None:
        """What the fields of a Function behind a symbol are."""
        name, is_of_type, role = symbol.partition(":")
        if is_of_type:
            base = next((base for base in self.types if base.name == name), None)
            return None if base is None else {"row": base.row(role), "needs_context": True}
        if symbol == NOT_CALLED or symbol in self.dictionaries:
            return {"row": _refuse}
        if symbol not in self.functions:
            return None
        return {
            "row": self.functions[symbol],
            "needs_context": symbol in self.in_context,
            "with_columns": self.by_columns.get(symbol),
            "may_wait": symbol in self.waiting,
        }

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
