"""How jsonpath is read: PostgreSQL's grammar by recursive descent.

Rule 1: expressions give items, predicates give true, false or unknown; parentheses may hold either,
        and what stands around them says which is meant.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    FeatureNotSupported,
    SqlSyntaxError,
    StatementTooComplex,
)
from server.types.errors import invalid_syntax
from server.types.json_text import ADVICE
from server.types.jsonpath import ANY_LEVEL, PREDICATES, Chain, JsonPath, Step
from server.types.jsonpath_tokens import Token, syntax_error, tokens
from server.types.numeric import normal

if TYPE_CHECKING:
    from collections.abc import Callable

COMPARISONS: Final = {
    "==": "==", "!=": "!=", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">=",
}  # fmt: skip
METHODS: Final = frozenset(("abs", "size", "type", "floor", "double", "ceiling", "keyvalue"))
WORDS: Final = {"null": None, "true": True, "false": False}
HEADS: Final = frozenset(("string", "variable", "integer", "number", "$", "@"))
HEAD_WORDS: Final = (*WORDS, "last")
FLAGS: Final = "ismxq"


@lru_cache(maxsize=512)
def read_path(text: str) -> JsonPath:
    """Read a path."""
    if not text.strip(" \t\n\r\f"):
        raise invalid_syntax("jsonpath", text)
    try:
        return _Reader(text).read()
    except RecursionError:
        raise StatementTooComplex("stack depth limit exceeded", hint=ADVICE) from None


def _is_predicate(chain: Chain) -> bool:
    return len(chain) == 1 and chain[0].kind in PREDICATES


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.token = next(self.tokens)
        self.misplaced: SqlSyntaxError | None = (
            None  # the first @ or last that stands where none may
        )
        self.filters = 0  # around the place: @ needs one
        self.subscripts = 0  # around the place: last needs one

    # Tokens.

    def advance(self) -> Token:
        """Take the token."""
        token = self.token
        if token.kind != "end":
            self.token = next(self.tokens)
        return token

    def is_at(self, *marks: str) -> bool:
        """Whether the token is one of the marks or key words."""
        found = self.token.text if self.token.kind == "keyword" else self.token.kind
        return found in marks

    def expect(self, mark: str) -> None:
        """Take the mark or key word that must stand here."""
        if not self.is_at(mark):
            raise self.error()
        self.advance()

    def error(self) -> SqlSyntaxError:
        """The error for the token."""
        return syntax_error(self.token.source)

    # Predicates.

    def read(self) -> JsonPath:
        """The whole path."""
        is_lax = True
        if self.is_at("strict", "lax"):
            is_lax = self.advance().text == "lax"
        chain = self.disjunction()
        if self.token.kind != "end":
            raise self.error()
        if self.misplaced is not None:
            raise self.misplaced
        return JsonPath(chain, is_lax)

    def predicate(self, chain: Chain) -> Chain:
        """The chain, which must be a predicate."""
        if not _is_predicate(chain):
            raise self.error()
        return chain

    def expression(self, chain: Chain) -> Chain:
        """The chain, which must not be a predicate."""
        if _is_predicate(chain):
            raise self.error()
        return chain

    def disjunction(self) -> Chain:
        """Predicates with || between them, or what has none."""
        return self.joined("||", self.conjunction)

    def conjunction(self) -> Chain:
        """Predicates with && between them, or what has none."""
        return self.joined("&&", self.negation)

    def joined(self, mark: str, part: Callable[[], Chain]) -> Chain:
        """Parts with an operator between them that wants predicates."""
        left = part()
        while self.is_at(mark):
            self.predicate(left)
            self.advance()
            left = (Step(mark, None, (left, self.predicate(part()))),)
        return left

    def negation(self) -> Chain:
        """A predicate, perhaps denied, or an expression."""
        if not self.is_at("!"):
            return self.comparison()
        self.advance()
        if not self.is_at("(", "exists"):
            raise self.error()
        return (Step("not", None, (self.predicate(self.primary()),)),)

    def comparison(self) -> Chain:
        """A comparison, or an expression."""
        left = self.sum()
        if self.token.kind in COMPARISONS:
            self.expression(left)
            kind = COMPARISONS[self.advance().kind]
            return (Step(kind, None, (left, self.expression(self.sum()))),)
        if self.is_at("starts"):
            self.expression(left)
            self.advance()
            self.expect("with")
            if self.token.kind not in ("string", "variable"):
                raise self.error()
            return (Step("starts with", None, (left, self.primary())),)
        if self.is_at("like_regex"):
            return self.like_regex(self.expression(left))
        return left

    def like_regex(self, left: Chain) -> Chain:
        """A match with a pattern, and its flags."""
        self.advance()
        if self.token.kind != "string":
            raise self.error()
        pattern = self.advance().text
        written = ""
        if self.is_at("flag"):
            self.advance()
            if self.token.kind != "string":
                raise self.error()
            written = _flags(self.token.text)  # told of before what follows is looked at
            self.advance()
        return (Step("like_regex", (pattern, written), (left,)),)

    # Expressions.

    def sum(self) -> Chain:
        """Operands with + and - between them."""
        return self.operation(("+", "-"), self.product)

    def product(self) -> Chain:
        """Operands with *, / and % between them."""
        return self.operation(("*", "/", "%"), self.signed)

    def operation(self, marks: tuple[str, ...], part: Callable[[], Chain]) -> Chain:
        """Operands with one of the operators between them."""
        left = part()
        while self.is_at(*marks):
            self.expression(left)
            kind = self.advance().kind
            left = (Step(kind, None, (left, self.expression(part()))),)
        return left

    def signed(self) -> Chain:
        """An operand, perhaps with a sign."""
        if self.is_at("+", "-"):
            kind = self.advance().kind
            inner = self.expression(self.signed())
            if len(inner) == 1 and isinstance(inner[0].value, Decimal):
                return inner if kind == "+" else (Step("literal", -inner[0].value),)
            return (Step(f"unary {kind}", None, (inner,)),)
        return self.primary()

    def primary(self) -> Chain:
        """What stands between operators, with the steps that follow it."""
        if self.is_at("exists"):
            self.advance()
            self.expect("(")
            inner = self.expression(self.disjunction())
            self.expect(")")
            return (Step("exists", None, (inner,)),)
        if not self.is_at("("):
            return self.accessors((self.head(),))
        self.advance()
        inner = self.disjunction()
        self.expect(")")
        if self.is_at("is"):
            self.predicate(inner)
            self.advance()
            self.expect("unknown")
            return (Step("unknown", None, (inner,)),)
        return self.accessors(inner)

    def head(self) -> Step:
        """The first step of a path that needs no parentheses."""
        token = self.token
        if token.kind not in HEADS and not self.is_at(*HEAD_WORDS):
            raise self.error()
        self.advance()
        if token.kind in ("string", "variable"):
            return Step("literal" if token.kind == "string" else "variable", token.text)
        if token.kind in ("integer", "number"):
            return Step("literal", normal(Decimal(token.text)))
        if token.kind == "$":
            return Step("root")
        if token.kind == "@":
            if not self.filters:
                self.misplace("@ is not allowed in root expressions")
            return Step("current")
        if token.text in WORDS:
            return Step("literal", WORDS[token.text])
        if not self.subscripts:
            self.misplace("LAST is allowed only in array subscripts")
        return Step("last")

    def misplace(self, message: str) -> None:
        """Note what is told once the whole path is known to be one."""
        self.misplaced = self.misplaced or SqlSyntaxError(message)

    def accessors(self, chain: Chain) -> Chain:
        """The chain with the steps that follow."""
        while self.is_at(".", "[", "?"):
            kind = self.advance().kind
            if kind == ".":
                step = self.member()
            elif kind == "[":
                step = self.subscript()
            else:
                step = self.filter()
            chain = (*chain, step)
        return chain

    def filter(self) -> Step:
        """Read the predicate of a filter."""
        self.expect("(")
        self.filters += 1
        inner = self.predicate(self.disjunction())
        self.filters -= 1
        self.expect(")")
        return Step("filter", None, (inner,))

    def subscript(self) -> Step:
        """Read what stands in brackets."""
        if self.is_at("*"):
            self.advance()
            self.expect("]")
            return Step("any_array")
        self.subscripts += 1
        pairs = [self.bounds()]
        while self.is_at(","):
            self.advance()
            pairs.append(self.bounds())
        self.subscripts -= 1
        self.expect("]")
        return Step("index", None, tuple(pairs))

    def bounds(self) -> tuple[Chain, Chain | None]:
        """One subscript: a number, or two with `to` between them."""
        first = self.expression(self.sum())
        if not self.is_at("to"):
            return first, None
        self.advance()
        return first, self.expression(self.sum())

    def member(self) -> Step:
        """What follows a dot."""
        if self.is_at("*"):
            self.advance()
            return Step("any_key")
        if self.is_at("**"):
            self.advance()
            return Step("any", self.levels())
        if not self.token.is_word:
            raise self.error()
        token = self.advance()
        if token.kind == "keyword" and self.is_at("("):
            return self.method(token)
        return Step("key", token.text)

    def method(self, token: Token) -> Step:
        """A method with its parentheses."""
        if token.text not in METHODS and token.text != "datetime":
            raise self.error()
        self.advance()
        arguments: tuple[Any, ...] = ()
        if token.text == "datetime" and self.token.kind == "string":
            arguments = ((Step("literal", self.advance().text),),)
        self.expect(")")
        return Step("method", token.text, arguments)

    def levels(self) -> tuple[int, int]:
        """The levels of **."""
        if not self.is_at("{"):
            return 0, ANY_LEVEL
        self.advance()
        first = last = self.level()
        if self.is_at("to"):
            self.advance()
            last = self.level()
        self.expect("}")
        return first, last

    def level(self) -> int:
        """A level of **."""
        if self.is_at("last"):
            self.advance()
            return ANY_LEVEL
        if self.token.kind != "integer":
            raise self.error()
        return int(self.advance().text)


def _flags(written: str) -> str:
    for flag in written:
        if flag not in FLAGS:
            raise SqlSyntaxError(
                "invalid input syntax for type jsonpath",
                detail=f'Unrecognized flag character "{flag}" in LIKE_REGEX predicate.',
            )
    if "x" in written and "q" not in written:
        raise FeatureNotSupported(
            'XQuery "x" flag (expanded regular expressions) is not implemented'
        )
    return "".join(flag for flag in FLAGS if flag in written)
