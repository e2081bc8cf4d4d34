"""Reader: the tokens of a body, the names visible where it stands, and texts of SQL cut out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import SqlSyntaxError
from server.identifiers import quote_identifier
from server.plpgsql.errors import ErrorInAssignment
from server.plpgsql.tokens import Lines, Token, tokenize
from server.plpgsql.tree import Names, Source, Target, TypeSpec, Variable

if TYPE_CHECKING:
    from collections.abc import Collection

RESERVED: Final = frozenset(
    (
        *("all", "begin", "by", "case", "declare", "else", "end", "execute", "for", "foreach"),
        *("from", "if", "in", "into", "loop", "not", "null", "or", "strict", "then", "to"),
        *("using", "when", "while"),
    )
)
PART: Final = "UPDATE t SET v{} = NULL"
"""The text whose target is a part of a variable."""
OPENING: Final = {"(": ")", "[": "]"}


class Reader:
    """Where the parser stands in a body."""

    def __init__(self, text: str) -> None:
        """Stand before the first token."""
        self.text = text
        self.tokens = tokenize(text)
        self.position = 0
        self.lines = Lines(text)
        self.names = Names(None, "")
        self.variables: list[Variable] = []
        self.sources: list[Source] = []
        self.conflict = "error"
        self.shadowing: list[str] = []

    # Tokens

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.position]

    @property
    def line(self) -> int:
        """The line of the next token."""
        return self.lines.number(self.token.start)

    def following(self, distance: int = 1) -> Token:
        """A token further on."""
        return self.tokens[min(self.position + distance, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Read a token."""
        token = self.token
        if token.kind != "end":
            self.position += 1
        return token

    def at(self, *words: str) -> bool:
        """Whether the next token is one of these words or marks."""
        token = self.token
        return (token.kind == "word" and token.value in words) or (
            token.kind in {"mark", "operator"} and token.text in words
        )

    def accept(self, *words: str) -> bool:
        """Read one of these words or marks if it is next."""
        if not self.at(*words):
            return False
        self.position += 1
        return True

    def expect(self, *words: str) -> None:
        """Read these, one after the other."""
        for word in words:
            if not self.accept(word):
                raise self.error()

    def error(self, message: str = "syntax error") -> SqlSyntaxError:
        """The error that the next token is."""
        token = self.token
        is_end = token.kind == "end"
        where = "at end of input" if is_end else f'at or near "{token.text}"'
        error = SqlSyntaxError(f"{message} {where}")
        error.internal_position, error.internal_query = token.start + 1, self.text
        return error

    def identifier(self) -> str:
        """Read a name."""
        if not self.token.is_name or (self.token.kind == "word" and self.token.value in RESERVED):
            raise self.error()
        return self.advance().value

    # Names

    def declare(self, variable: Variable, *, name: str = "") -> int:
        """Make a variable visible from here on; gives its slot."""
        self.variables.append(variable)
        slot = len(self.variables) - 1
        self.name(name or variable.name, slot)
        return slot

    def name(self, name: str, slot: int) -> None:
        """Give a slot a name."""
        self.names = Names(self.names, name, slot)

    def hidden(self, name: str, kind: TypeSpec) -> int:
        """A variable that no text can name."""
        self.variables.append(Variable(name, self.line, kind))
        return len(self.variables) - 1

    def label(self, name: str, *, is_loop: bool = False, is_block: bool = False) -> None:
        """Begin a level."""
        self.names = Names(self.names, name, -1, is_loop, is_block)

    def lookup(self, parts: tuple[str, ...]) -> tuple[int, int] | None:
        """The slot that a name means, and how many of its parts name it."""
        return find_name(self.names, parts)

    def source(
        self, start: int, end: int, *, line: int = 0, text: str | None = None, lead: str = ""
    ) -> Source:
        """A stretch of the body as a text of SQL."""
        written = self.text[start:end].strip() if text is None else text
        found = Source(written, line or self.lines.number(start), self.names, self.conflict, lead)
        self.sources.append(found)
        return found

    # SQL

    def expression(self, *until: str, missing: str = "", target: int = -1) -> Source:
        """Read an expression up to one of these words or marks, which stays; 42601 for none.

        target: where in the body the variable begins that it is assigned to.
        """
        start = self.token
        end = self.skip(until)
        if end.start == start.start:
            if missing and end.kind == "end":
                raise SqlSyntaxError(f'missing "{missing}" at end of SQL expression')
            raise SqlSyntaxError(f'missing expression at or near "{end.text}"')
        lead = self.text[target : start.start] if target >= 0 else ""
        return self.source(start.start, self.tokens[self.position - 1].end, lead=lead)

    def skip(self, until: Collection[str]) -> Token:
        """Read up to one of these words or marks that stands in no brackets."""
        closing: list[str] = []
        while True:
            token = self.token
            if token.kind == "end":
                if closing:
                    raise SqlSyntaxError("mismatched parentheses at end of input")
                wanted = " or ".join(word.upper() if word.isalpha() else word for word in until)
                if self._is_short(until):
                    raise self.error()
                raise SqlSyntaxError(f'missing "{wanted}" at end of SQL expression')
            if not closing and self.at(*until):
                return token
            if token.kind == "mark" and token.text == ";" and closing:
                raise SqlSyntaxError(f'mismatched parentheses at or near "{token.text}"')
            if token.kind == "mark" and token.text == ";" and ";" not in until:
                wanted = " or ".join(word.upper() if word.isalpha() else word for word in until)
                raise SqlSyntaxError(f'missing "{wanted}" at end of SQL expression at or near ";"')
            self._follow_brackets(token, closing)
            self.position += 1

    @staticmethod
    def _is_short(until: Collection[str]) -> bool:
        return tuple(until) == (";",)

    @staticmethod
    def _follow_brackets(token: Token, closing: list[str]) -> None:
        if token.kind != "mark":
            return
        if token.text in OPENING:
            closing.append(OPENING[token.text])
        elif token.text in (")", "]") and (not closing or closing.pop() != token.text):
            raise SqlSyntaxError(f'mismatched parentheses at or near "{token.text}"')

    # Targets

    def written_name(self) -> tuple[str, ...]:
        """Read a.b.c."""
        parts = [self.identifier()]
        while self.at(".") and self.following().is_name:
            self.position += 1
            parts.append(self.advance().value)
        return tuple(parts)

    def variable_name(self) -> tuple[str, ...]:
        """Read a.b.c, or $number for a parameter."""
        return (self.advance().text,) if self.token.kind == "param" else self.written_name()

    def target(self, *, with_subscripts: bool = False) -> Target:
        """Read what a value is assigned to; raises 42601 for what is no variable."""
        parts = self.variable_name()
        found = self.lookup(parts)
        if found is None:
            raise SqlSyntaxError(f'"{".".join(parts)}" is not a known variable')
        slot, count = found
        if self.variables[slot].is_constant:
            raise _is_constant(self.variables[slot].name)
        fields = parts[count:]
        start = self.token.start
        while with_subscripts and self.at("[", "."):
            self._step()
        steps = (
            self.text[start : self.tokens[self.position - 1].end]
            if self.token.start > start
            else ""
        )
        return Target(slot, ".".join(parts), fields, self._part(fields, steps))

    def _step(self) -> None:
        """Read one subscript or field."""
        if self.accept("."):
            self.identifier()
        else:
            self.expect("[")
            self.skip(("]",))
            self.expect("]")

    def _part(self, fields: tuple[str, ...], steps: str) -> Source | None:
        if not fields and not steps:
            return None
        path = "".join(f".{quote_identifier(each)}" for each in fields) + steps
        return self.source(0, 0, line=self.line, text=PART.format(path))


def _is_constant(name: str) -> Exception:
    return ErrorInAssignment(f'variable "{name}" is declared CONSTANT')


def find_name(names: Names, parts: tuple[str, ...]) -> tuple[int, int] | None:
    """The slot that a name means and how many of its parts name it: x, label.x, and what follows them.

    Within a level a variable goes before the level's label.
    """
    level: list[Names] = []
    here: Names | None = names
    while here is not None:
        if here.slot >= 0:
            if here.name == parts[0]:
                return here.slot, 1
            level.append(here)
        else:
            if len(parts) > 1 and here.name == parts[0] and here.name:
                for each in level:
                    if each.name == parts[1]:
                        return each.slot, 2
            level = []
        here = here.outer
    return None
