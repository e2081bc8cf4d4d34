"""XPath over values of type xml, and the rows of XMLTABLE."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from server.errors import (
    CardinalityViolation,
    DataException,
    InternalError,
    NullValueNotAllowed,
)
from server.functions.xml_text import escaped
from server.oids import XML
from server.types.array import Array, make_array
from server.types.type import PLAIN_STYLE
from server.types.xml import Declaration, InvalidXmlDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from server.types.type import TypeReference

SAFE: Final = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "strip_cdata": False,
}
# A path that begins at the node it is evaluated for, which may be the document.
RELATIVE: Final = re.compile(r"(?:[^\W\d][\w.-]*:)?(?:[^\W\d][\w.-]*|\*|\.)(?=$|[/\[|])")
DOCUMENT_PATHS: Final = frozenset((".", "/"))


def _document(text: str) -> etree._ElementTree:
    """The tree that paths walk over: namespaces must be right here."""
    try:
        root = etree.fromstring(Declaration(text).rest.encode(), etree.XMLParser(**SAFE))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidXmlDocument("could not parse XML document", detail=str(error)) from None
    return root.getroottree()


def _spaces(given: Array | None) -> dict[str, str]:
    """Prefixes with their namespaces."""
    if given is None or not given.items:
        return {}
    if len(given.shape) != 2 or given.shape[1] != 2:
        raise DataException(
            "invalid array for XML namespace mapping",
            detail="The array must be two-dimensional with length of the second axis equal to 2.",
        )
    if None in given.items:
        raise NullValueNotAllowed("neither namespace name nor URI may be null")
    return dict(zip(given.items[::2], given.items[1::2], strict=True))


class _Path:
    """A path, evaluated for documents and for nodes in them."""

    def __init__(self, path: str, spaces: Mapping[str, str]) -> None:
        self.text = path.strip()
        self.spaces = dict(spaces) or None
        self.of_node = self._compiled(path)
        self.of_document = self.of_node
        if RELATIVE.match(self.text):
            self.of_document = self._compiled(f"/{self.text}")

    def _compiled(self, path: str) -> etree.XPath:
        try:
            return etree.XPath(path, namespaces=self.spaces, regexp=False)
        except (etree.XPathError, ValueError) as error:
            raise InternalError("invalid XPath expression", detail=str(error)) from None

    def find(self, node: Any) -> Any:
        """What the path finds: a list of nodes, or a value."""
        is_document = isinstance(node, etree._ElementTree)
        if self.text == "/" or (is_document and self.text in DOCUMENT_PATHS):
            return [node if is_document else node.getroottree()]
        try:
            return (self.of_document if is_document else self.of_node)(node)
        except etree.XPathError as error:
            raise InternalError("could not create XPath object", detail=str(error)) from None


def _found(path: str, text: str, spaces: Array | None) -> Any:
    names = _spaces(spaces)
    if not path:
        raise DataException("empty XPath expression")
    document = _document(text)  # what is wrong with it is told before what is wrong with the path
    return _Path(path, names).find(document)


def xpath(path: str, text: str, spaces: Array | None = None) -> Array:
    """What a path finds, each as xml."""
    found = _found(path, text, spaces)
    items = found if isinstance(found, list) else [found]
    return make_array(XML, tuple(map(_as_xml, items)))


def xpath_exists(path: str, text: str, spaces: Array | None = None) -> bool:
    """Whether a path finds anything."""
    found = _found(path, text, spaces)
    return bool(found) if isinstance(found, list) else True


def _as_xml(item: Any) -> str:
    if isinstance(item, etree._Element):
        written: str = etree.tostring(item, encoding="unicode", with_tail=False)
        return written
    if isinstance(item, etree._ElementTree):
        return f"{etree.tostring(item, encoding='unicode')}\n"
    return escaped(_scalar_text(item))


def _scalar_text(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float):
        return str(int(item)) if item.is_integer() else repr(item)
    if isinstance(item, tuple):  # a namespace
        return str(item[1])
    return str(item)


# XMLTABLE


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of XMLTABLE. flags: o ordinality, n NOT NULL."""

    name: str
    type: TypeReference
    flags: str


def make_rows(columns: Sequence[tuple[str, TypeReference]]) -> Callable[..., Any]:
    """What gives the rows of an XMLTABLE with these columns; its first argument has their flags."""

    def rows(
        flags: str, path: str | None, text: str | None, spaces: Array | None, *given: Any
    ) -> Iterator[tuple[Any, ...]]:
        if path is None or text is None:
            return
        listed = [
            TableColumn(name, kind, letters)
            for (name, kind), letters in zip(columns, flags.split(","), strict=True)
        ]
        names = _spaces(spaces)
        paths = [
            None if "o" in column.flags else _column_path(column, given[2 * at], names)
            for at, column in enumerate(listed)
        ]
        found = _row_path(path, names).find(_document(text))
        nodes = found if isinstance(found, list) else []
        for number, node in enumerate(nodes, 1):
            yield tuple(
                number if each is None else _cell(column, each.find(node), given[2 * at + 1])
                for at, (column, each) in enumerate(zip(listed, paths, strict=True))
            )

    return rows


def _row_path(path: str, spaces: Mapping[str, str]) -> _Path:
    if not path:
        raise DataException("row path filter must not be empty string")
    return _Path(path, spaces)


def _column_path(column: TableColumn, path: str | None, spaces: Mapping[str, str]) -> _Path:
    if path == "":
        raise DataException("column path filter must not be empty string")
    return _Path(column.name if path is None else path, spaces)


def _cell(column: TableColumn, found: Any, default: Any) -> Any:
    text = _cell_text(column, found)
    if text is None:
        if default is None:
            if "n" in column.flags:
                raise NullValueNotAllowed(f'null is not allowed in column "{column.name}"')
            return None
        text = str(default)
    kind = column.type.type
    value = kind.parse(text, column.type.modifier, PLAIN_STYLE)
    if kind.coerce is not None and column.type.modifier >= 0:
        value = kind.coerce(value, column.type.modifier, True)
    return value


def _cell_text(column: TableColumn, found: Any) -> str | None:
    is_xml = column.type.oid == XML
    if not isinstance(found, list):
        return escaped(_scalar_text(found)) if is_xml else _scalar_text(found)
    if not found:
        return None
    if is_xml:
        return "".join(map(_as_xml, found))
    if len(found) > 1:
        raise CardinalityViolation("more than one value returned by column XPath expression")
    (item,) = found
    if isinstance(item, etree._ElementTree):
        item = item.getroot()
    if isinstance(item, etree._Element):
        return str(item.xpath("string()"))
    return _scalar_text(item)
