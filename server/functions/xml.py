"""xml: what SQL/XML makes of values, and what paths find.

Functions with a syntax of their own (XMLELEMENT, XMLPARSE, ...) are called by names in small letters;
the converter of the syntax gives them their arguments in the order that is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import SqlError, SqlSyntaxError
from server.functions.declare import aggregate, row
from server.functions.xml_text import attribute, value_text
from server.functions.xpath import make_rows, xpath, xpath_exists
from server.types.text import OBJECTS
from server.types.xml import (
    Declaration,
    InvalidXmlContent,
    InvalidXmlDocument,
    parse_content,
    parse_document,
    written_declaration,
)
from server.vector.rows import column_of, values_of

if TYPE_CHECKING:
    from server.functions.function import CallContext
    from server.vector.column import Column, Positions

KEEP, NO_VALUE = 2, -1  # what XMLROOT says of standalone, besides 0 and 1


class InvalidXmlComment(SqlError, sqlstate="2200S"):
    """invalid_xml_comment."""


class InvalidXmlProcessingInstruction(SqlError, sqlstate="2200T"):
    """invalid_xml_processing_instruction."""


class NotAnXmlDocument(SqlError, sqlstate="2200L"):
    """not_an_xml_document."""


def _in_hex(context: CallContext) -> bool:
    session = getattr(context.execution, "session", None)
    return session is not None and session.settings.show("xmlbinary") == "hex"


def _comment(text: str) -> str:
    if "--" in text or text.endswith("-"):
        raise InvalidXmlComment("invalid XML comment")
    return f"<!--{text}-->"


def _concatenated(*values: str | None) -> str | None:
    """The contents behind each other, under one declaration that fits all."""
    given = [Declaration(value) for value in values if value is not None]
    if not given:
        return None
    versions = {each.version for each in given}
    version = versions.pop() if len(versions) == 1 else None
    alone = [each.standalone for each in given]
    standalone = -1 if min(alone) < 0 else min(alone)
    head = written_declaration(version, standalone) if version or standalone >= 0 else ""
    return head + "".join(each.rest for each in given)


def _element(context: CallContext, name: str, count: int, *values: Any) -> str:
    """An element; first come its attributes, as pairs of name and value, then its contents."""
    in_hex, types = _in_hex(context), context.arguments[2:]
    attributes, contents = values[: 2 * count], values[2 * count :]
    shown = "".join(
        f' {attributes[at]}="'
        + attribute(
            value_text(
                attributes[at + 1], types[at + 1].type, context, in_hex=in_hex, escapes=False
            )
        )
        + '"'
        for at in range(0, 2 * count, 2)
        if attributes[at + 1] is not None
    )
    inner = [
        value_text(value, kind.type, context, in_hex=in_hex)
        for value, kind in zip(contents, types[2 * count :], strict=True)
        if value is not None
    ]
    return f"<{name}{shown}>{''.join(inner)}</{name}>" if inner else f"<{name}{shown}/>"


def _forest(context: CallContext, *values: Any) -> str | None:
    """An element for each value that is not NULL: pairs of name and value."""
    in_hex, types = _in_hex(context), context.arguments
    elements = [
        f"<{values[at]}>{value_text(values[at + 1], types[at + 1].type, context, in_hex=in_hex)}"
        f"</{values[at]}>"
        for at in range(0, len(values), 2)
        if values[at + 1] is not None
    ]
    return "".join(elements) if elements else None


def _parse(kind: str, text: str, _keeps_blanks: bool = False) -> str:
    (parse_document if kind == "document" else parse_content)(text)
    return text


def _instruction(target: str, content: str | None = "", has_content: bool = False) -> str | None:
    if target.lower() == "xml":
        raise SqlSyntaxError(
            "invalid XML processing instruction",
            detail=f'XML processing instruction target name cannot be "{target}".',
        )
    if content is None:
        return None
    if "?>" in content:
        raise InvalidXmlProcessingInstruction(
            "invalid XML processing instruction",
            detail='XML processing instruction cannot contain "?>".',
        )
    return f"<?{target} {content.lstrip(' ')}?>" if has_content else f"<?{target}?>"


def _root(value: str | None, version: str | None, standalone: int) -> str | None:
    """The value under another declaration."""
    if value is None:
        return None
    found = Declaration(value)
    alone = found.standalone if standalone == KEEP else standalone
    return written_declaration(version, alone) + found.rest


def _serialize(context: CallContext, kind: str, value: str) -> str:
    if kind == "document" and not _is_document(value):
        raise NotAnXmlDocument("not an XML document")
    return context.arguments[1].type.format(value, context.style)


def _is_document(value: str) -> bool:
    try:
        parse_document(value)
    except InvalidXmlDocument:
        return False
    return True


def _is_content(value: str) -> bool:
    try:
        parse_content(value)
    except InvalidXmlContent:
        return False
    return True


def _is_well_formed(context: CallContext, value: str) -> bool:
    option = context.execution.session.settings.show("xmloption")
    return _is_document(value) if option == "document" else _is_content(value)


def _of_text(context: CallContext, value: str) -> str:
    session = getattr(context.execution, "session", None)
    option = session.settings.show("xmloption") if session is not None else "content"
    return _parse(option, value)


# The aggregate


def _accumulate(
    groups: list[str | None], numbers: Positions, count: int, columns: tuple[Column, ...]
) -> list[str | None]:
    groups.extend([None] * (count - len(groups)))
    for group, value in zip(numbers.tolist(), values_of(columns[0]), strict=True):
        if value is not None:
            groups[group] = _concatenated(groups[group], value)
    return groups


def _finish(groups: list[str | None], count: int) -> Column:
    groups.extend([None] * (count - len(groups)))
    return column_of(groups, OBJECTS)


FUNCTIONS: Final = (
    row("2895 xmlcomment(text) xml", _comment, "A comment.", "'a b' -> <!--a b-->"),
    row("2896 xml(text) xml stable context", _of_text, "A text as xml."),
    row("2900 xmlconcat2(xml, xml) xml lax", _concatenated, "Both, one behind the other."),
    row(
        "2932 xpath(text, xml) _xml",
        xpath,
        "What a path finds.",
        "'//b', '<a><b>1</b></a>' -> {<b>1</b>}",
    ),
    row("2931 xpath(text, xml, _text) _xml", xpath, "What a path with namespaces finds."),
    row("3050 xpath_exists(text, xml) bool", xpath_exists, "Whether a path finds anything."),
    row("3049 xpath_exists(text, xml, _text) bool", xpath_exists, "Whether a path finds anything."),
    row("2614 xmlexists(text, xml) bool", xpath_exists, "Whether a path finds anything."),
    row(
        "3051 xml_is_well_formed(text) bool stable context",
        _is_well_formed,
        "Whether a text is xml, by xmloption.",
    ),
    row(
        "3052 xml_is_well_formed_document(text) bool",
        _is_document,
        "Whether a text is a document.",
        "'<a/>' -> t",
    ),
    row(
        "3053 xml_is_well_formed_content(text) bool",
        _is_content,
        "Whether a text is content.",
        "'a<b/>' -> t",
    ),
    # What the syntax of SQL/XML stands for; none of these is in pg_proc.
    row(
        "9951 xmlconcat(variadic _xml) xml lax",
        lambda values: _concatenated(*values.items),
        "Contents behind each other.",
    ),
    row(
        "9952 xmlelement(text, int4, variadic any) xml lax stable context", _element, "An element."
    ),
    row("9953 xmlelement(text, int4) xml lax stable context", _element, "An element."),
    row("9954 xmlforest(variadic any) xml lax stable context", _forest, "Elements."),
    row("9955 xmlparse(text, text) xml", _parse, "A text as xml."),
    row("9962 xmlparse(text, text, bool) xml", _parse, "A text as xml."),
    row("9956 xmlpi(text) xml", _instruction, "A processing instruction."),
    row("9957 xmlpi(text, text, bool) xml lax", _instruction, "A processing instruction."),
    row("9958 xmlroot(xml, text, int4) xml lax", _root, "xml under a declaration."),
    row("9959 xmlserialize(text, xml) text context", _serialize, "xml as text."),
    row(
        "9961 xmltable(text, text, xml, _text, variadic any) record lax set",
        make_rows(()),
        "The rows that a path finds.",
        with_columns=make_rows,
    ),
    row("9960 is_document(xml) bool", _is_document, "Whether xml is a document."),
)
AGGREGATES: Final = (
    aggregate(
        "2901 xmlagg(xml) xml",
        lambda _call: [],
        _accumulate,
        _finish,
        "The contents of all rows behind each other.",
    ),
)
