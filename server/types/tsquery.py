"""tsquery: words to search for, under the operators ! & | and <-> (followed by).

Rule 1: ! binds strongest, then <->, then &, then |; of operators of one rank the left one.
Rule 2: a query is kept in its binary form: the items of its tree, each above its right branch,
        then its left one.
Rule 3: a tree is no deeper than DEPTH_MAX, so whoever walks it may recurse.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InternalError,
    InvalidParameterValue,
    ProgramLimitExceeded,
    SqlSyntaxError,
    StatementTooComplex,
)
from server.types.errors import decode_text, incorrect_format, insufficient_data
from server.types.facts import define
from server.types.legacy_checksum import legacy_crc32
from server.types.lexeme_reader import LexemeReader, is_blank
from server.types.order import ordered_list
from server.types.text import OBJECTS
from server.types.tsvector import WORD_BYTES_MAX, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.types.type import TextStyle

NOT, AND, OR, PHRASE = 1, 2, 3, 4  # as in the binary form
PRIORITIES: Final = {OR: 1, AND: 2, PHRASE: 3, NOT: 4}
DISTANCE_MAX: Final = 1 << 14
DEPTH_MAX: Final = 4000
WEIGHT_BITS: Final = {"a": 8, "b": 4, "c": 2, "d": 1}
ITEM_VALUE, ITEM_OPERATOR = 1, 2
HEADER_BYTES, ITEM_BYTES = 8, 12
COUNT: Final = struct.Struct("!i")
SHORT: Final = struct.Struct("!H")
OPEN, CLOSE, STOP, WORD = "(", ")", "", "word"


@dataclass(frozen=True, slots=True)
class Operand:
    """A word; weights: a bit for each weight that counts, 0 for all."""

    word: str
    weights: int = 0
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator over branches; NOT has only a right one. distance: of PHRASE."""

    kind: int
    right: Node
    left: Node | None = None
    distance: int = 0
    depth: int = 0


Node = Operand | Operation


@dataclass(frozen=True, slots=True)
class TsQuery:
    """A value of type tsquery; root None: the empty query."""

    root: Node | None = None


def depth_of(node: Node | None) -> int:
    """How many operators lie above each other."""
    return node.depth if isinstance(node, Operation) else 0


def operation(kind: int, right: Node, left: Node | None = None, distance: int = 0) -> Operation:
    """Make an operation that is not too deep."""
    depth = 1 + max(depth_of(right), depth_of(left))
    if depth > DEPTH_MAX:
        raise StatementTooComplex(
            "stack depth limit exceeded", hint="Write the query with fewer levels of operators."
        )
    return Operation(kind, right, left, distance, depth)


def nodes_of(root: Node | None) -> Iterator[Node]:
    """Every node, each above its right branch, then its left one."""
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Operation):
            waiting += [node.right] if node.left is None else [node.left, node.right]


MakeNode = Callable[[str, int, bool], Node]
"""What makes a node of a word, its weights and whether it is a prefix."""
Token = str | tuple[int, int]
"""OPEN, CLOSE, STOP or WORD, or an operator with its distance."""


class QueryReader:
    """Reads a query by the priority of its operators. make: what becomes of a word."""

    def __init__(self, text: str, make: MakeNode) -> None:
        self.text = text
        self.position = 0
        self.make = make
        self.outputs: list[Node] = []

    def read(self) -> Node | None:
        """The whole query as one node; None for a query without words."""
        frames: list[list[tuple[int, int]]] = [[]]
        wants_operand, is_first = True, True
        while True:
            token = self.operand(is_first) if wants_operand else self.operator(len(frames) > 1)
            if token == STOP:
                break
            is_first = False
            if token == OPEN:
                frames.append([])
            elif token == CLOSE:
                self._unstack(frames.pop(), OR)
            elif isinstance(token, tuple):
                self._unstack(frames[-1], token[0])
                frames[-1].append(token)
                wants_operand = True
            else:
                wants_operand = False
        self._unstack(frames[-1], OR)
        return self.outputs[0] if self.outputs else None

    def _unstack(self, stack: list[tuple[int, int]], kind: int) -> None:
        """Apply the operators that bind as strongly as the coming one."""
        priority = PRIORITIES[kind]
        while stack:
            top = PRIORITIES[stack[-1][0]]
            if priority > top or (kind == NOT and priority >= top):
                return
            self._apply(*stack.pop())

    def _apply(self, kind: int, distance: int) -> None:
        right = self.outputs.pop()
        left = None if kind == NOT else self.outputs.pop()
        self.outputs.append(operation(kind, right, left, distance))

    def skip_blanks(self) -> str:
        """Go to the next character that is no blank, and say what it is."""
        while self.position < len(self.text) and is_blank(self.text[self.position]):
            self.position += 1
        return self.text[self.position : self.position + 1]

    def operand(self, is_first: bool) -> Token:
        """What stands where a word is due."""
        character = self.skip_blanks()
        if character == "!":
            self.position += 1
            return NOT, 0
        if character == "(":
            self.position += 1
            return OPEN
        if character == ":":
            raise self.syntax_error()
        reader = LexemeReader(self.text, self.position, in_query=True)
        found = reader.next()
        if found is None:
            if is_first:
                return STOP
            raise SqlSyntaxError(f'no operand in tsquery: "{self.text}"')
        self.position = reader.position
        self.outputs.append(self.make(found[0], *self._flags()))
        return WORD

    def _flags(self) -> tuple[int, bool]:
        """The weights and the star behind a colon."""
        weights, is_prefix = 0, False
        if self.text[self.position : self.position + 1] != ":":
            return weights, is_prefix
        self.position += 1
        while self.position < len(self.text):
            character = self.text[self.position].lower()
            if character == "*":
                is_prefix = True
            elif character in WEIGHT_BITS:
                weights |= WEIGHT_BITS[character]
            else:
                break
            self.position += 1
        return weights, is_prefix

    def operator(self, is_nested: bool) -> Token:
        """What stands where an operator is due."""
        character = self.skip_blanks()
        if not character:
            if is_nested:
                raise self.syntax_error()
            return STOP
        self.position += 1
        if character in "&|":
            return (AND if character == "&" else OR), 0
        if character == ")" and is_nested:
            return CLOSE
        if character == "<":
            return PHRASE, self._distance()
        raise self.syntax_error()

    def _distance(self) -> int:
        """What stands behind a < up to the >."""
        end = self.text.find(">", self.position)
        digits = self.text[self.position : end] if end >= 0 else ""
        if digits == "-":
            self.position = end + 1
            return 1
        number = _leading_digits(self.text[self.position :])
        if not number:
            raise self.syntax_error()
        distance = checked_distance(int(number[:20]))
        if number != digits:
            raise self.syntax_error()
        self.position = end + 1
        return distance

    def syntax_error(self) -> SqlSyntaxError:
        """The error for a text that is no query."""
        return SqlSyntaxError(f'syntax error in tsquery: "{self.text}"')


def _leading_digits(text: str) -> str:
    for position, character in enumerate(text):
        if not (character.isascii() and character.isdigit()):
            return text[:position]
    return text


def checked_distance(distance: int) -> int:
    """Refuse a distance that no two words can have."""
    if not 0 <= distance <= DISTANCE_MAX:
        raise InvalidParameterValue(
            "distance in phrase operator must be an integer value between zero and "
            f"{DISTANCE_MAX} inclusive"
        )
    return distance


def check_word(word: str) -> None:
    """Refuse a word that is too long."""
    if len(word.encode()) > WORD_BYTES_MAX:
        raise ProgramLimitExceeded(f'word is too long in tsquery: "{word}"')


def _operand(word: str, weights: int, is_prefix: bool) -> Operand:
    check_word(word)
    return Operand(word, weights, is_prefix)


def parse_tsquery(text: str, _modifier: int, _style: TextStyle) -> TsQuery:
    """Read words and operators."""
    return TsQuery(QueryReader(text, _operand).read())


def format_tsquery(value: TsQuery, _style: TextStyle) -> str:
    """Write words and operators, with brackets where they are needed."""
    return "" if value.root is None else text_of(value.root)


def text_of(node: Node, above: int = -1, is_right_of_phrase: bool = False) -> str:
    """Write a node that stands under an operator of priority `above`."""
    if isinstance(node, Operand):
        return _operand_text(node)
    priority = PRIORITIES[node.kind]
    if node.left is None:
        inner = "!" + text_of(node.right, priority)
        return f"( {inner} )" if priority < above else inner
    left = text_of(node.left, priority)
    right = text_of(node.right, priority, node.kind == PHRASE)
    inner = f"{left} {_symbol(node)} {right}"
    needs_brackets = priority < above or (
        node.kind == PHRASE and priority == above and is_right_of_phrase
    )
    return f"( {inner} )" if needs_brackets else inner


def _symbol(node: Operation) -> str:
    if node.kind == PHRASE:
        return "<->" if node.distance == 1 else f"<{node.distance}>"
    return "&" if node.kind == AND else "|"


def _operand_text(node: Operand) -> str:
    flags = "*" if node.is_prefix else ""
    flags += "".join(letter.upper() for letter, bit in WEIGHT_BITS.items() if node.weights & bit)
    return quoted(node.word) + (f":{flags}" if flags else "")


def send_tsquery(value: TsQuery) -> bytes:
    """Write the binary form."""
    items = list(nodes_of(value.root))
    parts = [COUNT.pack(len(items))]
    for node in items:
        if isinstance(node, Operand):
            head = bytes((ITEM_VALUE, node.weights, node.is_prefix))
            parts.append(head + node.word.encode() + b"\0")
        else:
            parts.append(bytes((ITEM_OPERATOR, node.kind)))
            if node.kind == PHRASE:
                parts.append(SHORT.pack(node.distance))
    return b"".join(parts)


def receive_tsquery(data: bytes, _modifier: int) -> TsQuery:
    """Read the binary form, from a client that may say anything."""
    if len(data) < COUNT.size:
        raise insufficient_data()
    (count,) = COUNT.unpack_from(data)
    if count < 0 or count > len(data):
        raise InternalError("invalid size of tsquery")
    offset = COUNT.size
    items: list[Operand | tuple[int, int]] = []
    for _ in range(count):
        item, offset = _received(data, offset)
        items.append(item)
    if offset != len(data):
        raise incorrect_format()
    return TsQuery(_tree(items))


def _received(data: bytes, offset: int) -> tuple[Operand | tuple[int, int], int]:
    if len(data) < offset + 2:
        raise insufficient_data()
    if data[offset] == ITEM_VALUE:
        end = data.find(b"\0", offset + 3)
        if end < 0:
            raise insufficient_data()
        weights = data[offset + 1]
        if weights > sum(WEIGHT_BITS.values()):
            raise InternalError("invalid tsquery: invalid weight bitmap")
        if end - offset - 3 > WORD_BYTES_MAX:
            raise InternalError("invalid tsquery: operand too long")
        word = decode_text(data[offset + 3 : end])
        return Operand(word, weights, bool(data[offset + 2])), end + 1
    if data[offset] != ITEM_OPERATOR:
        raise InternalError(f"unrecognized tsquery node type: {data[offset]}")
    kind = data[offset + 1]
    if kind not in PRIORITIES:
        raise InternalError(f"invalid tsquery: unrecognized operator type {kind}")
    if kind != PHRASE:
        return (kind, 0), offset + 2
    if len(data) < offset + 2 + SHORT.size:
        raise insufficient_data()
    return (kind, SHORT.unpack_from(data, offset + 2)[0]), offset + 2 + SHORT.size


def _tree(items: list[Operand | tuple[int, int]]) -> Node | None:
    """Put items together from the last one to the first."""
    waiting: list[Node] = []
    for item in reversed(items):
        if isinstance(item, Operand):
            waiting.append(item)
            continue
        kind, distance = item
        if len(waiting) < (1 if kind == NOT else 2):
            raise InternalError("invalid pointer to right operand")
        right = waiting.pop()
        waiting.append(operation(kind, right, None if kind == NOT else waiting.pop(), distance))
    if len(waiting) > 1:
        raise InternalError("malformed tsquery: extra nodes")
    return waiting[0] if waiting else None


def sort_key(value: TsQuery) -> tuple[Any, ...]:
    """Order as PostgreSQL does: by the number of items, size, then item by item."""
    items = list(nodes_of(value.root))
    words = [node.word for node in items if isinstance(node, Operand)]
    byte_count = HEADER_BYTES + ITEM_BYTES * len(items) + sum(len(w.encode()) + 1 for w in words)
    flat: list[Any] = [len(items), byte_count]
    for node in items:
        if isinstance(node, Operand):
            flat += [-ITEM_VALUE, -legacy_crc32(node.word.encode()), node.word]
        else:
            flat += [-ITEM_OPERATOR, -node.kind, -node.distance]
    return tuple(flat)


def _key_value(value: TsQuery) -> bytes:
    return ordered_list(
        part.encode() if isinstance(part, str) else part for part in sort_key(value)
    )


TSQUERY_TYPES: Final = (
    define(
        "tsquery",
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse_tsquery,
        format=format_tsquery,
        receive=receive_tsquery,
        send=send_tsquery,
        store_value=lambda value, _modifier: send_tsquery(value),
        load_value=receive_tsquery,
        sort_key=sort_key,
        key_value=_key_value,
    ),
)
