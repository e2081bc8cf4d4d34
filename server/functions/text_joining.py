"""Values of any type as texts: joined, quoted, filled into templates, cut into arrays."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InvalidParameterValue,
    NullValueNotAllowed,
)
from server.functions.column_texts import (
    column_of_texts,
    concat,
    concat_ws,
    joined,
    text_column_of,
    texts_of,
)
from server.functions.composed_texts import QUOTE_LITERAL
from server.functions.declare import row
from server.functions.function import AnyForm
from server.functions.json_text import element_type
from server.functions.text_arrays import split_texts
from server.functions.text_operations import quoted_literal
from server.identifiers import quote_identifier
from server.oids import TEXT
from server.types.array import Array
from server.types.network import format_cidr
from server.types.type import PLAIN_STYLE
from server.vector.rows import column_of, constant_value, is_constant, values_of
from server.vector.texts import text_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.functions.function import CallContext
    from server.vector.column import Column
    from server.vector.texts import TextColumn


def text_of(context: CallContext, index: int, value: Any) -> str:
    """The text form of an argument."""
    declared = context.arguments[min(index, len(context.arguments) - 1)].type
    if declared.category == "A" and not isinstance(value, Array):  # an item of the one array
        declared = element_type(context, declared.element_oid)
    return declared.format(value, context.style)


def cast_text_of(context: CallContext, index: int, value: Any) -> str:
    """What casting an argument to text gives, which is its text form but for a few types."""
    cast = _TEXT_CASTS.get(context.arguments[index].type.oid)
    return text_of(context, index, value) if cast is None else cast(value)


def _text_of_bool(value: Any) -> str:
    return "true" if value else "false"


def _text_of_address(value: Any) -> str:
    return format_cidr(value, PLAIN_STYLE)


_TEXT_CASTS: Final[dict[int, Callable[[Any], str]]] = {
    16: _text_of_bool,
    650: _text_of_address,
    869: _text_of_address,
}


def spread(context: CallContext, values: tuple[Any, ...]) -> Iterable[str | None]:
    """Texts of variadic arguments, or of the items of the one array that stands for them."""
    for index, value in enumerate(values):
        yield None if value is None else text_of(context, index, value)


def _concat(context: CallContext, *values: Any) -> str:
    return "".join(text for text in spread(context, values) if text is not None)


def _concat_ws(context: CallContext, separator: str | None, *values: Any) -> str | None:
    if separator is None:
        return None
    texts = list(spread(context, (separator, *values)))[1:]
    return separator.join(text for text in texts if text is not None)


def _concat_text_any(context: CallContext, left: str, right: Any) -> str:
    return left + cast_text_of(context, 1, right)


def _concat_any_text(context: CallContext, left: Any, right: str) -> str:
    return cast_text_of(context, 0, left) + right


def _cast_texts_of(context: CallContext, index: int, column: Column) -> TextColumn:
    kind = context.arguments[index].type
    cast = _TEXT_CASTS.get(kind.oid)
    if cast is None:
        return text_column_of(column, kind, context.style)
    values = values_of(column)
    return text_column(
        column_of_texts([None if value is None else cast(value) for value in values])
    )


def _beside(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
    return joined([_cast_texts_of(context, 0, left), _cast_texts_of(context, 1, right)])


# Quoting.


def _quote_nullable(text: str | None) -> str:
    return "NULL" if text is None else quoted_literal(text)


def _quote_any(context: CallContext, value: Any) -> str:
    return "NULL" if value is None else quoted_literal(cast_text_of(context, 0, value))


# Templates.

_SPECIFIER: Final = re.compile(r"%(?:(\d+)\$)?(-)?(?:(\d+)|\*(?:(\d+)\$)?)?(.)?", re.DOTALL)


def _format(context: CallContext, template: str | None, *values: Any) -> str | None:
    if template is None:
        return None
    return _Template(context, values).fill(template)


@lru_cache(maxsize=512)
def _plain_parts(template: str, argument_count: int) -> tuple[str | int, ...] | None:
    """Texts and numbers of arguments, of a template of %s alone that has arguments enough; else None."""
    parts: list[str | int] = []
    end = used = 0
    for match in _SPECIFIER.finditer(template):
        parts.append(template[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            parts.append("%")
        elif match[0] == "%s" and used < argument_count:
            used += 1
            parts.append(used)
        else:
            return None
    parts.append(template[end:])
    return tuple(part for part in parts if part != "")


def _format_columns(context: CallContext, *columns: Column, count: int) -> Column:
    """format() over columns: by one plain template its arguments are written column by column."""
    template = constant_value(columns[0]) if is_constant(columns[0]) else None
    parts = None if template is None else _plain_parts(template, len(columns) - 1)
    if not parts:
        rows = zip(*map(values_of, columns), strict=True)
        return column_of_texts([_format(context, *values) for values in rows])
    written = [
        [part] * count
        if isinstance(part, str)
        else [
            "" if text is None else text
            for text in texts_of(columns[part], context.arguments[part].type, context.style)
        ]
        for part in parts
    ]
    return column_of_texts(list(map("".join, zip(*written, strict=True))))


class _Template:
    """format(): specifiers take arguments in turn, or by number."""

    def __init__(self, context: CallContext, values: tuple[Any, ...]) -> None:
        self.context = context
        self.values = values
        self.used = 0

    def fill(self, template: str) -> str:
        return _SPECIFIER.sub(self._specifier, template)

    def _specifier(self, match: re.Match[str]) -> str:
        number, minus, width, width_number, kind = match.groups()
        starred = "*" in match[0][:-1]
        if match[0] == "%%":
            return "%"
        if kind is None:
            raise InvalidParameterValue(
                "unterminated format() type specifier",
                hint='For a single "%" use "%%".',
            )
        if kind not in "sIL":
            raise InvalidParameterValue(
                f'unrecognized format() type specifier "{kind}"',
                hint='For a single "%" use "%%".',
            )
        size = int(width) if width else 0
        if starred:
            size = self._argument(width_number)[1] or 0
            minus = minus or ("-" if size < 0 else None)
        index, value = self._argument(number)
        shown = self._shown(kind, index, value)
        return shown.ljust(abs(size)) if minus else shown.rjust(abs(size))

    def _argument(self, number: str | None) -> tuple[int, Any]:
        if number is not None and int(number) == 0:
            raise InvalidParameterValue(
                "format specifies argument 0, but arguments are numbered from 1"
            )
        self.used = int(number) if number is not None else self.used + 1
        if self.used > len(self.values):
            raise InvalidParameterValue("too few arguments for format()")
        return self.used, self.values[self.used - 1]

    def _shown(self, kind: str, index: int, value: Any) -> str:
        if value is None:
            if kind == "I":
                raise NullValueNotAllowed("null values cannot be formatted as an SQL identifier")
            return "NULL" if kind == "L" else ""
        text = text_of(self.context, index, value)
        if kind == "I":
            return quote_identifier(text)
        return quoted_literal(text) if kind == "L" else text


# Arrays of texts.


def _string_to_array(text: str | None, separator: str | None, null: str | None = None) -> Any:
    if text is None:
        return None
    parts = _parts(text, separator)
    items = tuple(None if null is not None and part == null else part for part in parts)
    return Array(TEXT, ((len(items), 1),) if items else (), items)


def _parts(text: str, separator: str | None) -> list[str]:
    if not text:
        return []
    if separator is None:
        return list(text)
    return text.split(separator) if separator else [text]


def _string_to_array_kernel(
    context: CallContext, texts: Column, separators: Column, *, count: int
) -> Column:
    """Arrays that need not be made, of parts that stay where they lie."""
    if is_constant(separators):
        return split_texts(text_column(texts), constant_value(separators).encode())
    rows = zip(values_of(texts), values_of(separators), strict=True)
    return column_of([_string_to_array(*row) for row in rows], context.result.type.dtype)


def _string_to_table(text: str | None, separator: str | None, null: str | None = None) -> Any:
    parts = [] if text is None else _parts(text, separator)
    return (None if null is not None and part == null else part for part in parts)


FUNCTIONS: Final = (
    row(
        "2003 textanycat(text, anynonarray) text stable context beside",
        _concat_text_any,
        "Joins a text and any value.",
        "'ab', 7 -> ab7",
        AnyForm(_beside),
    ),
    row(
        "2004 anytextcat(anynonarray, text) text stable context beside",
        _concat_any_text,
        "Joins any value and a text.",
        "7, 'ab' -> 7ab",
        AnyForm(_beside),
    ),
    row(
        "3058 concat(variadic any) text stable lax context beside",
        _concat,
        "Joins the texts of values; NULL is left out.",
        "'abcde', 2, NULL, 22 -> abcde222",
        AnyForm(concat),
    ),
    row(
        "3059 concat_ws(text, variadic any) text stable lax context beside",
        _concat_ws,
        "Joins values with a separator; NULL is left out.",
        "',', 'abcde', 2, NULL, 22 -> abcde,2,22",
        AnyForm(concat_ws),
    ),
    row(
        "3539 format(text, variadic any) text stable lax context beside",
        _format,
        "Fills a template.",
        "'Hello %s, %I %L', 'World', 'My col', 'it''s' -> Hello World, \"My col\" 'it''s'",
        _format_columns,
    ),
    row(
        "3540 format(text) text stable lax context beside",
        _format,
        "Fills a template.",
        "'Hello %%' -> Hello %",
    ),
    row(
        "1283 quote_literal(text) text",
        quoted_literal,
        "As an SQL literal.",
        "'O''Reilly' -> 'O''Reilly'",
        QUOTE_LITERAL,
    ),
    row(
        "1285 quote_literal(anyelement) text stable context",
        _quote_any,
        "As an SQL literal.",
        "42.5::numeric -> '42.5'",
    ),
    row(
        "1289 quote_nullable(text) text lax",
        _quote_nullable,
        "As an SQL literal, or NULL.",
        "NULL -> NULL",
    ),
    row(
        "1290 quote_nullable(anyelement) text stable lax context",
        _quote_any,
        "As an SQL literal, or NULL.",
        "42.5::numeric -> '42.5'",
    ),
    row(
        "394 string_to_array(text, text) _text lax",
        _string_to_array,
        "Parts between separators.",
        "'a,b,c', ',' -> {a,b,c}",
        AnyForm(_string_to_array_kernel),
    ),
    row(
        "376 string_to_array(text, text, text) _text lax",
        _string_to_array,
        "Parts between separators; one text means NULL.",
        "'xx~yy~zz', '~', 'yy' -> {xx,NULL,zz}",
    ),
    row(
        "6160 string_to_table(text, text) text lax set",
        _string_to_table,
        "Parts between separators as rows.",
        "'a,b', ',' -> a ; b",
    ),
    row(
        "6161 string_to_table(text, text, text) text lax set",
        _string_to_table,
        "Parts between separators as rows; one text means NULL.",
        "'a,b', ',', 'b' -> a ; NULL",
    ),
)
