"""Names of types: how format_type writes them, and how SQL text names them.

Rule 1: a built-in type has an SQL name of one or more words (timestamp with time zone) and a
        catalog name (timestamptz); text may use either, in quotes only the catalog name.
Rule 2: char, character and bit without a length have length 1; "char" in quotes is another type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from server.errors import InvalidParameterValue, SqlSyntaxError, UndefinedObject
from server.identifiers import KEYWORDS
from server.oids import BIT, BPCHAR
from server.types.registry import TYPE_BY_NAME, TYPE_BY_OID
from server.types.type import TypeReference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from server.types.type import Type

FLOAT4_BITS_MAX: Final = 24
FLOAT8_BITS_MAX: Final = 53
SUFFIX: Final = re.compile(r" with(?:out)? time zone$")

ALIASES: Final = {
    "bigint": "int8",
    "bit varying": "varbit",
    "boolean": "bool",
    "char": "bpchar",
    "char varying": "varchar",
    "character": "bpchar",
    "character varying": "varchar",
    "dec": "numeric",
    "decimal": "numeric",
    "double precision": "float8",
    "float": "float8",
    "int": "int4",
    "integer": "int4",
    "national char": "bpchar",
    "national char varying": "varchar",
    "national character": "bpchar",
    "national character varying": "varchar",
    "nchar": "bpchar",
    "nchar varying": "varchar",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
"""SQL names, in lower case with single blanks, to catalog names."""

LENGTH_ONE: Final = frozenset(
    {"char", "character", "nchar", "national char", "national character", "bit"}
)


NO_NAMES: Final = KEYWORDS - {
    *("authorization", "binary", "collation", "concurrently", "cross", "current_schema", "freeze"),
    *("full", "ilike", "inner", "is", "isnull", "join", "left", "like", "natural", "notnull"),
    *("outer", "overlaps", "right", "similar", "tablesample", "verbose"),
}
"""Keywords that a type cannot have for a name without quotes."""

NEVER_MODIFIED: Final = frozenset(("bool", "int2", "int4", "int8", "float4", "float8"))
"""Types with words of their own in SQL, of which no modifier is ever shown."""


def format_type(
    oid: int, modifier: int | None = None, types: Mapping[int, Type] = TYPE_BY_OID
) -> str:
    """Write a type as format_type does; modifier None is one that was not given at all."""
    if not oid:
        return "-"
    type_ = types.get(oid)
    if type_ is None:
        return "???"
    if type_.element_oid and type_.name.startswith("_"):
        return format_type(type_.element_oid, modifier, types) + "[]"
    if modifier is not None and modifier < 0 and oid in {BPCHAR, BIT}:
        return "bpchar" if oid == BPCHAR else '"bit"'
    if modifier is None or modifier < 0 or type_.name in NEVER_MODIFIED:
        return type_.sql_name
    shown = f"({modifier})" if type_.modifier_out is None else type_.modifier_out(modifier)
    return SUFFIX.sub("", type_.sql_name) + shown


TOKEN: Final = re.compile(
    r"\s*(?:(?P<quoted>\"(?:[^\"]|\"\")*\")|(?P<word>[^\W\d][\w$]*)|(?P<number>[+-]?\d+)"
    r"|(?P<string>'(?:[^']|'')*')|(?P<mark>[(),.\[\]%]))"
)

STRANGE: Final = re.compile(r"[-+*/<>=~!@#%^&|`?]+|.")
"""The token of a text that no type has: an operator, or one character."""


def parse_type(
    text: str,
    lookup: Callable[[Sequence[str]], Type | None],
    by_oid: Callable[[int], Type] = TYPE_BY_OID.__getitem__,
) -> TypeReference:
    """Read a type as regtype input does; lookup finds what is not a built-in type by its name.

    lookup gets the parts of a name, qualified or not; by_oid an array's.
    """
    return _TypeText(text, lookup, by_oid).read()


def builtin_named(parts: Sequence[str]) -> Type | None:
    """Find a built-in type by its catalog name, alone or behind pg_catalog."""
    if len(parts) > 1 and tuple(parts[:-1]) != ("pg_catalog",):
        return None
    return TYPE_BY_NAME.get(parts[-1])


class _TypeText:
    """Reads one type from text."""

    def __init__(
        self,
        text: str,
        lookup: Callable[[Sequence[str]], Type | None],
        by_oid: Callable[[int], Type],
    ) -> None:
        self.text = text
        self.lookup = lookup
        self.by_oid = by_oid
        self.tokens = self._split()
        self.at = 0

    def _split(self) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        text = self.text.rstrip()
        if not text:
            raise SqlSyntaxError(f'invalid type name "{self.text}"')
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise self._syntax_error(text[at:].split()[0], STRANGE)
            tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return tokens

    def _syntax_error(self, near: str, token: re.Pattern[str] | None = None) -> SqlSyntaxError:
        if token is not None:
            found = token.match(near)
            near = near if found is None else found[0]
        place = f'at or near "{near}"' if near else "at end of input"
        return SqlSyntaxError(f"syntax error {place}", context=f'invalid type name "{self.text}"')

    def read(self) -> TypeReference:
        """Read the whole text."""
        parts, is_plain = self._read_name()
        arguments = self._read_arguments()
        words = parts[0] if len(parts) == 1 else ""
        if is_plain and words in {"time", "timestamp", "interval"}:
            words, arguments = self._read_time_words(words, arguments)
            parts = [words]
        reference = self._resolve(parts, arguments, is_plain)
        if self._read_brackets():
            array = self.by_oid(reference.type.array_oid) if reference.type.array_oid else None
            if array is None:
                raise UndefinedObject(f'type "{self.text}" does not exist')
            reference = TypeReference(array, reference.modifier, array.collation)
        if self.at < len(self.tokens):
            raise self._syntax_error(self.tokens[self.at][1])
        return reference

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _read_name(self) -> tuple[list[str], bool]:
        """Read a name; plain are the SQL names of one or more words, no dots and no quotes."""
        kind, word = self._peek()
        if kind not in {"word", "quoted"}:
            raise self._syntax_error(word)
        self.at += 1
        if kind == "word":
            words = word.lower()
            while self._peek()[0] == "word" and self._continues(words):
                words += " " + self._peek()[1].lower()
                self.at += 1
            if self._peek()[1] != ".":
                return [words], True
            word = words
        parts = [_identifier(kind, word)]
        while self._peek()[1] == ".":
            self.at += 1
            kind, word = self._peek()
            self.at += 1
            parts.append(_identifier(kind, word))
        return parts, False

    def _continues(self, words: str) -> bool:
        longer = f"{words} {self._peek()[1].lower()}"
        return any(name == longer or name.startswith(longer + " ") for name in ALIASES)

    def _read_arguments(self) -> tuple[Any, ...]:
        if self._peek()[1] != "(":
            return ()
        self.at += 1
        arguments: list[Any] = []
        while True:
            kind, word = self._peek()
            if kind not in {"number", "word", "quoted", "string"}:
                raise self._syntax_error(word)
            arguments.append(int(word) if kind == "number" else _identifier(kind, word))
            self.at += 1
            mark = self._peek()[1]
            self.at += 1
            if mark == ")":
                return tuple(arguments)
            if mark != ",":
                raise self._syntax_error(mark)

    def _read_time_words(
        self, words: str, arguments: tuple[Any, ...]
    ) -> tuple[str, tuple[Any, ...]]:
        """Read what may stand behind the decimals: WITH TIME ZONE, or the fields of an interval."""
        if words == "interval":
            return words, self._read_interval_fields() or arguments
        rest = " ".join(word.lower() for _, word in self.tokens[self.at : self.at + 3])
        if rest in {"with time zone", "without time zone"}:
            self.at += 3
            words = ALIASES[f"{words} {rest}"]
        return words, arguments

    def _read_interval_fields(self) -> tuple[Any, ...]:
        fields: list[str] = []
        while self._peek()[0] == "word":
            fields.append(self._peek()[1].lower())
            self.at += 1
        return (" ".join(fields), *self._read_arguments()) if fields else ()

    def _resolve(
        self, parts: list[str], arguments: tuple[Any, ...], is_plain: bool
    ) -> TypeReference:
        words = parts[0] if is_plain else ""
        if words == "float" and arguments:
            return TypeReference(_float_of(arguments))
        type_ = builtin_named([ALIASES.get(words, words)]) if is_plain else builtin_named(parts)
        if type_ is None and words in NO_NAMES:
            raise self._syntax_error(self.tokens[0][1])
        type_ = type_ or self.lookup(parts)
        if type_ is None:
            raise UndefinedObject(f'type "{".".join(parts)}" does not exist')
        if words in LENGTH_ONE and not arguments:
            arguments = (1,)
        modifier = -1
        if arguments:
            if type_.modifier_in is None:
                raise SqlSyntaxError(f'type modifier is not allowed for type "{type_.name}"')
            modifier = type_.modifier_in(arguments)
        return TypeReference(type_, modifier, type_.collation)

    def _read_brackets(self) -> bool:
        found = False
        if self._peek()[1].lower() == "array":
            self.at += 1
            found = True
        while self._peek()[1] == "[":
            self.at += 1
            if self._peek()[0] == "number":
                self.at += 1
            if self._peek()[1] != "]":
                raise self._syntax_error(self._peek()[1])
            self.at += 1
            found = True
        return found


def _identifier(kind: str, word: str) -> str:
    if kind == "quoted":
        return word[1:-1].replace('""', '"')
    if kind == "string":
        return word[1:-1].replace("''", "'")
    return word.lower()


def _float_of(arguments: tuple[Any, ...]) -> Type:
    """Choose the float type of so many binary digits."""
    bits = arguments[0]
    if bits < 1:
        raise InvalidParameterValue("precision for type float must be at least 1 bit")
    if bits > FLOAT8_BITS_MAX:
        raise InvalidParameterValue("precision for type float must be less than 54 bits")
    return TYPE_BY_NAME["float4" if bits <= FLOAT4_BITS_MAX else "float8"]
