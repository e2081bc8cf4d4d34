"""libpg_query, PostgreSQL's own grammar: the only file that knows it.

Rule 1: everything here takes and gives characters; libpg_query counts bytes in trees and characters
        in errors.
Rule 2: text is measured before it is parsed. The grammar's output and the protobuf decoder recurse
        in C, and 100,000 terms of `1+1+1...` end the process instead of the statement.
Rule 3: converters take message classes and enumerations from `tree`, nowhere else.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import numpy
import postgast.pg_query_pb2 as tree
from google._upb import _message  # type: ignore[import-untyped]
from postgast.errors import PgQueryError
from postgast.fingerprint import fingerprint as fingerprint_of
from postgast.normalize import normalize as normalised
from postgast.parse import parse as parse_tree
from postgast.pg_query_pb2 import Node
from postgast.scan import scan as scan_tokens

from server.errors import (
    FeatureNotSupported,
    InvalidEscapeSequence,
    InvalidParameterValue,
    ProgramLimitExceeded,
    ReservedName,
    SqlError,
    SqlSyntaxError,
    StatementTooComplex,
)
from server.sql.newer_keywords import (
    NEWER_KEYWORDS,
    StandIns,
    has_newer_keywords,
    has_newer_words,
    is_misread,
    with_stand_ins,
)

__all__ = [
    "Node",
    "RawStatement",
    "fingerprint",
    "normalise",
    "parse",
    "parses_slowly",
    "scan",
    "tree",
]

Result = TypeVar("Result")

TEXT_BYTES_MAX: Final = 256 << 20
TOKEN_COUNT_MAX: Final = 20_000_000
NESTING_MAX: Final = 5_000
# A level of nesting takes two characters at least, so short text needs no measuring.
UNMEASURED_LENGTH_MAX: Final = 2 * NESTING_MAX
SLOW_LENGTH_MIN: Final = 4_096

TOO_DEEP_MESSAGE: Final = "stack depth limit exceeded"
TOO_DEEP_HINT: Final = (
    'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring'
    " the platform's stack depth limit is adequate."
)

# What the grammar and the scanner report with another SQLSTATE than syntax_error.
ERROR_CLASSES: Final[tuple[tuple[re.Pattern[str], type[SqlError]], ...]] = (
    (re.compile(r"not (yet )?(implemented|supported)|no longer supported"), FeatureNotSupported),
    (re.compile(r"^aggregates cannot have output arguments"), FeatureNotSupported),
    (re.compile(r"^current database cannot be changed"), FeatureNotSupported),
    (re.compile(r"only supported for|IF NOT EXISTS cannot include"), FeatureNotSupported),
    (re.compile(r"^invalid Unicode escape$"), InvalidEscapeSequence),
    (re.compile(r"^precision for type float must be|precision must not be"), InvalidParameterValue),
    (re.compile(r"^unrecognized partitioning strategy"), InvalidParameterValue),
    (re.compile(r"^column number must be in range"), InvalidParameterValue),
    (re.compile(r"^role name .* is reserved$|cannot be used as a role name here$"), ReservedName),
    (re.compile(r"^stack depth limit exceeded"), StatementTooComplex),
)

# What may be a number as PostgreSQL has them since 16, or a parameter run into a word.
NEWER_NUMBER: Final = re.compile(
    r"(?<![\w$.])(?:[\d.]+(?:[eE][-+]?\d+)?_|0[xXoObB]\w)|\$\d+[A-Za-z_]"
)
NUMBER_AND_WORD: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[A-Za-z_]\w*")

# What a token does to the bound of a tree's depth; characters are called by their ASCII codes.
EFFECTS: Final[dict[int, str]] = {
    **dict.fromkeys((tree.ASCII_40, tree.ASCII_91, tree.CASE), "open"),
    **dict.fromkeys((tree.ASCII_41, tree.ASCII_93, tree.END_P), "close"),
    **dict.fromkeys((tree.ASCII_44, tree.AND, tree.OR), "comma"),
    tree.ASCII_59: "end",
    **dict.fromkeys((tree.UNION, tree.INTERSECT, tree.EXCEPT, tree.JOIN), "chain"),
    **dict.fromkeys(
        (
            *(tree.ASCII_37, tree.ASCII_42, tree.ASCII_43, tree.ASCII_45, tree.ASCII_46),
            *(tree.ASCII_47, tree.ASCII_60, tree.ASCII_61, tree.ASCII_62, tree.ASCII_94),
            *(tree.TYPECAST, tree.Op, tree.LESS_EQUALS, tree.GREATER_EQUALS, tree.NOT_EQUALS),
            *(tree.NOT, tree.IS, tree.ISNULL, tree.NOTNULL, tree.AT, tree.LIKE, tree.ILIKE),
            *(tree.BETWEEN, tree.IN_P, tree.SIMILAR, tree.OVERLAPS, tree.ESCAPE, tree.OPERATOR),
            *(tree.COLLATE, tree.SELECT),
        ),
        "deepen",
    ),
}


# Without this the decoder refuses trees of more than 100 messages, about 50 expressions, in depth.
_message.SetAllowOversizeProtos(True)


@dataclass(frozen=True, slots=True)
class RawStatement:
    """One statement of a text and its parse tree, whose locations are bytes of the whole text."""

    node: Node
    source: str
    offset: int
    characters: list[int] | None  # character offset of each byte of the text; None when equal


@dataclass(frozen=True, slots=True)
class ScannedToken:
    """A token with PostgreSQL's name for its kind, and where it is, in characters."""

    kind: str
    start: int
    end: int


def parses_slowly(sql: str) -> bool:
    """Whether parsing takes so long (some 8 ms and more) that it belongs on a worker thread."""
    return len(sql) >= SLOW_LENGTH_MIN


def parse(sql: str) -> list[RawStatement]:
    """Parse a text of any number of statements; empty ones are dropped."""
    check_limits(sql)
    result, text = understood(sql, parse_tree)
    if text.words:
        result = tree.ParseResult.FromString(text.original_bytes(result.SerializeToString()))
    if NEWER_NUMBER.search(sql):
        refuse_newer_numbers(sql)
    characters = None if sql.isascii() else character_offsets(sql)
    return [raw_statement(sql, raw, characters) for raw in result.stmts]


def understood(sql: str, read: Callable[[str], Result]) -> tuple[Result, StandIns]:
    """What the grammar's `read` gives of a text in which newer keywords are names."""
    may_have_newer = has_newer_keywords(sql)
    if not (may_have_newer and is_misread(sql)):
        try:
            return read(sql), StandIns(sql, {})
        except PgQueryError as error:
            if not (may_have_newer or has_newer_words(sql)):
                raise translated(error) from None
    text = with_stand_ins(sql, [(token.start, token.end) for token in scan(sql)])
    try:
        return read(text.sql), text
    except PgQueryError as error:
        raise translated(error, text.original(error.message)) from None


def refuse_newer_numbers(sql: str) -> None:
    """Refuse 1_000 and 0x1F, which the grammar takes and PostgreSQL 15 does not, and $1_a."""
    before = None
    for token in scan(sql):
        text = sql[token.start : token.end]
        if token.kind in ("ICONST", "FCONST") and (junk := NUMBER_AND_WORD.match(text)):
            raise _junk_after("numeric literal", junk[0], token.start)
        is_glued = before is not None and before.kind == "PARAM" and before.end == token.start
        if before is not None and is_glued and (text[0].isalpha() or text[0] == "_"):
            raise _junk_after("parameter", sql[before.start : token.end], before.start)
        before = token


def _junk_after(what: str, text: str, start: int) -> SqlError:
    message = f'trailing junk after {what} at or near "{text}"'
    return SqlSyntaxError(message, position=start + 1)


def scan(sql: str) -> list[ScannedToken]:
    """Split a text into tokens with PostgreSQL's scanner."""
    characters = character_offsets(sql)
    name = tree.Token.Name
    return [
        ScannedToken(name(token.token), characters[token.start], characters[token.end])
        for token in scanned(sql).tokens
    ]


def scanned(sql: str) -> tree.ScanResult:
    """Let PostgreSQL's scanner split a text, which takes no stack whatever the text."""
    try:
        return scan_tokens(sql)
    except PgQueryError as error:
        raise translated(error) from None


def normalise(sql: str) -> str:
    """Replace the constants of a text by parameters, for statistics about statements."""
    check_limits(sql)
    result, text = understood(sql, normalised)
    return text.original(str(result))


def fingerprint(sql: str) -> int:
    """What texts have in common that differ in constants, blanks and comments only, as a number of 64 bits."""
    check_limits(sql)
    result, _ = understood(sql, fingerprint_of)
    return int(result.fingerprint)


def check_limits(sql: str) -> None:
    """Refuse text that would exhaust memory or the C stack."""
    assert "\0" not in sql, "the protocol's strings end at a zero byte"
    if len(sql) <= UNMEASURED_LENGTH_MAX:
        return
    if len(sql) > TEXT_BYTES_MAX:
        raise ProgramLimitExceeded(f"query text exceeds the limit of {TEXT_BYTES_MAX} bytes")
    tokens = scanned(sql).tokens
    if len(tokens) > TOKEN_COUNT_MAX:
        raise ProgramLimitExceeded(f"query text exceeds the limit of {TOKEN_COUNT_MAX} tokens")
    if nesting([token.token for token in tokens]) > NESTING_MAX:
        raise StatementTooComplex(TOO_DEEP_MESSAGE, hint=TOO_DEEP_HINT)


def nesting(kinds: Iterable[int]) -> int:
    """Bound the depth of the deepest statement's tree from above.

    Brackets and CASE nest, and so do operators until the next comma, AND or OR at their level:
    those make flat lists. Set operations and joins nest to the left over a whole statement,
    whatever stands between them.
    """
    deepest = depth = chained = 0
    outer: list[int] = []
    for kind in kinds:
        effect = EFFECTS.get(kind)
        if effect is None:
            continue
        if effect == "deepen":
            depth += 1
        elif effect == "open":
            outer.append(depth)
            depth += 1
        elif effect == "close":
            depth = outer.pop() if outer else 0
        elif effect == "comma":
            depth = outer[-1] + 1 if outer else 0
        elif effect == "chain":
            chained += 1
        else:
            depth = chained = 0
            outer.clear()
        deepest = max(deepest, depth + chained)
    return deepest


def translated(error: PgQueryError, message: str = "") -> SqlError:
    """Turn an error of libpg_query into ours; its position is in characters already."""
    message = message or error.message
    if message == "invalid Unicode escape" and error.funcname == "str_udeescape":
        hint = "Unicode escapes must be \\XXXX or \\+XXXXXX."
        return SqlSyntaxError(message, hint=hint, position=error.cursorpos)
    for pattern, error_class in ERROR_CLASSES:
        if pattern.search(message):
            return error_class(message, position=error.cursorpos)
    return SqlSyntaxError(message, position=error.cursorpos)


def character_offsets(sql: str) -> list[int]:
    """Map each byte offset of the text in UTF-8, and its end, to a character offset."""
    data = numpy.frombuffer(sql.encode(), dtype=numpy.uint8)
    starts = (data & 0xC0) != 0x80
    offsets: list[int] = (numpy.cumsum(starts) - 1).tolist()
    offsets.append(len(sql))
    return offsets


def raw_statement(sql: str, raw: tree.RawStmt, characters: list[int] | None) -> RawStatement:
    """Cut a statement's source out of the text, without the white space around it."""
    start = raw.stmt_location
    end = start + raw.stmt_len if raw.stmt_len else -1
    if characters is not None:
        start = characters[start]
        end = characters[end]
    elif end < 0:
        end = len(sql)
    source = sql[start:end].rstrip()
    stripped = source.lstrip()
    return RawStatement(raw.stmt, stripped, start + len(source) - len(stripped), characters)


@cache
def quoted_keywords() -> frozenset[str]:
    """Collect the keywords that are no plain identifiers, by asking the scanner about all."""
    words = [name.removesuffix("_P").lower() for name in tree.Token.keys()]  # noqa: SIM118
    text = " ".join(words)
    return (
        frozenset(
            text[token.start : token.end]
            for token in scan_tokens(text).tokens
            if token.keyword_kind not in {tree.NO_KEYWORD, tree.UNRESERVED_KEYWORD}
        )
        - NEWER_KEYWORDS
    )
