"""Statement skeletons for the plan cache: literals lifted out of the text as parameters.

Rule 1: a skeleton with its literals as parameters means what the text means. Where that is not
        certain a literal stays in the text; where nothing is certain there is no skeleton.
Rule 2: literals of different kinds make different keys, since types and so operators depend on
        them.
Rule 3: an error in a lifted literal has no position; the text is then to be run as it is.

A literal is lifted after a comparison, a number also after an operator of arithmetic, after BETWEEN
and its AND, and as an element of VALUES and IN lists. So these stay: output columns, arguments of
functions, ordinals of ORDER BY, LIMIT, what infers an index in ON CONFLICT, modifiers of types,
patterns of LIKE, typed literals (date '...'). Statements with GROUP BY or DISTINCT have no skeleton
at all: the a + 1 of GROUP BY must stay equal to that of the target list, and two parameters never
are.
"""

import re
from typing import Final, NamedTuple

INT4_MIN: Final = -(1 << 31)
INT4_MAX: Final = (1 << 31) - 1
INT8_MIN: Final = -(1 << 63)
INT8_MAX: Final = (1 << 63) - 1
TEXT_LENGTH_MAX: Final = 4_096

INTEGER: Final = "i"
BIGINT: Final = "b"
NUMERIC: Final = "n"
STRING: Final = "s"


class Skeleton(NamedTuple):
    """A text with `$1`, `$2` ... for literals; `kinds` has one letter a literal.

    The key of a plan is (text, kinds): `i` int4, `b` int8, `n` numeric, `s` unknown.
    """

    text: str
    kinds: str
    values: tuple[str, ...]


TOKEN: Final = re.compile(
    r"""
      (?P<space>    [ \t\n\r\f]+ | --[^\n\r]* )
    | (?P<string>   '[^']*(?:''[^']*)*' )
    | (?P<number>   (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)? )
    | (?P<refused>  [eEbBxXnN]' | [uU]&['"] | /\* )
    | (?P<word>     (?:[A-Za-z_]|[^\x00-\x7f])(?:[\w$]|[^\x00-\x7f])* | "[^"]*" )
    | (?P<operator> (?:(?!--|/\*)[-+*/<>=~!@\#%^&|`?])+ )
    | (?P<cast>     :: )
    | (?P<open>     \( )
    | (?P<close>    \) )
    | (?P<comma>    , )
    | (?P<end>      ; )
    | (?P<other>    [\[\].:] )
    """,
    re.VERBOSE | re.ASCII,
)

STARTS: Final = frozenset(("select", "insert", "update", "delete", "with"))
REFUSED_WORDS: Final = frozenset(("group", "distinct", "partition", "rollup", "cube"))
COMPARISONS: Final = frozenset(("=", "<", ">", "<=", ">=", "<>", "!="))
ARITHMETIC: Final = frozenset(("+", "-", "*", "/", "%"))
LIFTING_OPERATORS: Final = COMPARISONS | ARITHMETIC
LIFTING_WORDS: Final = frozenset(("between", "and"))
# After these a sign begins an expression; an ordinal must not become one.
OPENING_WORDS: Final = frozenset(
    (
        *("select", "by", "limit", "offset", "when", "then", "else", "where", "on", "having"),
        *("not", "or", "returning", "set", "like", "ilike", "is", "in", "values", "case", "all"),
        *("any", "some", "first", "next", "using", "similar", "to", "from", "as", "for"),
    )
)
# What may follow a literal without becoming part of its expression.
FOLLOWING_WORDS: Final = frozenset(
    (
        *("and", "or", "order", "limit", "offset", "where", "returning", "from", "on", "then"),
        *("else", "end", "when", "for", "having", "join", "left", "right", "inner", "cross"),
    )
)
FOLLOWING_KINDS: Final = frozenset(("close", "comma", "end"))
QUERY_WORDS: Final = frozenset(("select", "with", "values", "table"))
SPECIAL_CHARACTERS: Final = frozenset("~!@#%^&|`?")


class Token(NamedTuple):
    """A token; a word is in lower case."""

    kind: str
    text: str
    start: int
    end: int


START: Final = Token("start", "", 0, 0)
STOP: Final = Token("end", "", 0, 0)


def skeleton(sql: str) -> Skeleton | None:
    """Lift the literals of one statement; None where there is nothing to gain or to be sure of."""
    tokens = tokenize(sql) if len(sql) <= TEXT_LENGTH_MAX else None
    if tokens is None or tokens[1].text not in STARTS:
        return None
    lists = Lists()
    kinds: list[str] = []
    values: list[str] = []
    pieces: list[str] = []
    copied = 0
    for index, token in enumerate(tokens):
        lists.take(tokens, index)
        if token.kind not in {"number", "string"} or lists.in_conflict:
            continue
        start = lifted_from(tokens, index, in_list=lists.open)
        if start >= 0:
            value = ("-" if start < token.start else "") + token.text
            values.append(value if token.kind == "number" else value[1:-1].replace("''", "'"))
            kinds.append(number_kind(value) if token.kind == "number" else STRING)
            pieces += (sql[copied:start], f"${len(values)}")
            copied = token.end
    if not values:
        return None
    return Skeleton("".join(pieces) + sql[copied:], "".join(kinds), tuple(values))


def tokenize(sql: str) -> list[Token] | None:
    """Split a text into tokens between START and STOP; None where it cannot have a skeleton."""
    tokens = [START]
    position = 0
    while position < len(sql):
        match = TOKEN.match(sql, position)
        if match is None:
            return None
        kind, text, start, position = match.lastgroup, match[0], match.start(), match.end()
        if kind == "space":
            continue
        if is_refused(kind, text, tokens[-1], start):
            return None
        if kind == "operator":
            while len(text) > 1 and text[-1] in "+-" and SPECIAL_CHARACTERS.isdisjoint(text):
                text, position = text[:-1], position - 1
        assert kind is not None
        tokens.append(Token(kind, text.lower() if kind == "word" else text, start, position))
    tokens.append(STOP)
    return tokens


def is_refused(kind: str | None, text: str, previous: Token, start: int) -> bool:
    """Whether a token makes the statement unfit for a skeleton.

    A second statement, a word that groups, neighbouring strings, or a number run into a word.
    """
    if previous.kind == "end" or kind == "refused":
        return True
    if kind == "word":
        return text.lower() in REFUSED_WORDS or (
            previous.kind == "number" and previous.end == start
        )
    return kind == "string" and previous.kind == "string"


class Lists:
    """Whether the innermost open bracket is a row of VALUES or a list of IN."""

    def __init__(self) -> None:
        self.open = False
        self.outer: list[tuple[bool, bool]] = []
        self.in_values = False  # VALUES was seen at this level, so rows may follow one another
        # Between ON CONFLICT and DO expressions must stay equal to those of an index.
        self.in_conflict = False

    def take(self, tokens: list[Token], index: int) -> None:
        """Follow one token."""
        token = tokens[index]
        if token.kind == "word":
            self.in_values = token.text == "values"
            if token.text in {"conflict", "do"}:
                self.in_conflict = token.text == "conflict"
        elif token.kind == "open":
            self.outer.append((self.open, self.in_values))
            before, after = tokens[index - 1], tokens[index + 1]
            is_list = before.text in {"values", "in"} or (before.text == "," and self.in_values)
            self.open = is_list and after.text not in QUERY_WORDS
            self.in_values = False
        elif token.kind == "close":
            self.open, self.in_values = self.outer.pop() if self.outer else (False, False)


def lifted_from(tokens: list[Token], index: int, *, in_list: bool) -> int:
    """Where the stretch to replace starts, at the sign of a negative number; -1 if it stays."""
    token, before = tokens[index], tokens[index - 1]
    if not may_follow(token, tokens[index + 1]):
        return -1
    start = token.start
    if token.kind == "number" and before.text in {"-", "+"}:
        anchor = tokens[index - 2]
        if anchor.text in OPENING_WORDS or anchor.kind == "other":
            return -1
        if anchor.kind in {"operator", "open", "comma"} or anchor.text in LIFTING_WORDS:
            if before.text == "+":
                return -1
            before, start = anchor, before.start
    return start if lifts_after(before, token.kind, in_list=in_list) else -1


def may_follow(literal: Token, after: Token) -> bool:
    """Whether the token after a literal leaves it a whole operand."""
    if after.kind in FOLLOWING_KINDS or (after.kind == "word" and after.text in FOLLOWING_WORDS):
        return True
    return literal.kind == "number" and after.kind == "operator" and after.text in LIFTING_OPERATORS


def lifts_after(before: Token, kind: str, *, in_list: bool) -> bool:
    """Whether a literal of this kind may be lifted after this token."""
    if before.kind in {"open", "comma"}:
        return in_list
    if before.text in ARITHMETIC:
        return kind == "number"
    return before.text in COMPARISONS or before.text in LIFTING_WORDS


def number_kind(text: str) -> str:
    """Type a number as the grammar does."""
    if not text.lstrip("-").isdigit():
        return NUMERIC
    value = int(text)
    if INT4_MIN <= value <= INT4_MAX:
        return INTEGER
    return BIGINT if INT8_MIN <= value <= INT8_MAX else NUMERIC
