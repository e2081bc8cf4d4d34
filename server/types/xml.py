"""xml: documents and content, kept as the text they were written as.

Rule 1: what is read is well-formed content: a document is content, and so is text between elements.
Rule 2: nothing outside of the value is read: no external entity, no DTD, no network; an entity that
        is defined inside is not put in, so none can grow.
Rule 3: a declaration is shown only where it says something: another version, or standalone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lxml import etree

from server.errors import SqlError
from server.types.columns import format_each
from server.types.errors import decode_text
from server.types.text import define_text

if TYPE_CHECKING:
    from server.types.type import TextStyle

DECLARATION: Final = re.compile(
    r"<\?xml\s+version\s*=\s*(?P<q>['\"])(?P<version>[0-9.]+)(?P=q)"
    r"(?:\s+encoding\s*=\s*(?:'[A-Za-z][\w.-]*'|\"[A-Za-z][\w.-]*\"))?"
    r"(?:\s+standalone\s*=\s*(?P<r>['\"])(?P<standalone>yes|no)(?P=r))?\s*\?>"
)
DOCTYPE: Final = re.compile(r"(?:\s+|<!--.*?-->|<\?(?!xml\s).*?\?>)*<!DOCTYPE", re.DOTALL)
DEFAULT_VERSION: Final = "1.0"
WRAPPER: Final = "content"


class InvalidXmlDocument(SqlError, sqlstate="2200M"):
    """invalid_xml_document."""


class InvalidXmlContent(SqlError, sqlstate="2200N"):
    """invalid_xml_content."""


class Declaration:
    """What an XML declaration says, and the text behind it."""

    __slots__ = ("rest", "standalone", "version")

    def __init__(self, text: str) -> None:
        found = DECLARATION.match(text)
        self.version = found["version"] if found else None
        says = found["standalone"] if found else None
        self.standalone = {None: -1, "no": 0, "yes": 1}[says]
        self.rest = text[found.end() :] if found else text


def written_declaration(version: str | None, standalone: int) -> str:
    """A declaration, if there is something to say."""
    if (version is None or version == DEFAULT_VERSION) and standalone < 0:
        return ""
    alone = {1: ' standalone="yes"', 0: ' standalone="no"'}.get(standalone, "")
    return f'<?xml version="{DEFAULT_VERSION if version is None else version}"{alone}?>'


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


def parse_document(text: str) -> etree._ElementTree:
    """The tree of a document; raises InvalidXmlDocument."""
    try:
        return _tree(Declaration(text).rest)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidXmlDocument("invalid XML document", detail=_detail(error)) from None


def parse_content(text: str) -> etree._ElementTree:
    """The tree of content, inside of one element; of a document with a DTD, itself."""
    rest = Declaration(text).rest
    if DOCTYPE.match(rest):
        try:
            return _tree(rest)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise InvalidXmlContent("invalid XML content", detail=_detail(error)) from None
    try:
        return _tree(f"<{WRAPPER}>{rest}</{WRAPPER}>")
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidXmlContent("invalid XML content", detail=_detail(error)) from None


def _tree(text: str) -> etree._ElementTree:
    parser = _parser()
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        if not _is_about_namespaces(parser):
            raise
        # A prefix that nobody has declared does not make a document ill-formed.
        root = etree.fromstring(
            text.encode(),
            etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True),
        )
    return root.getroottree()


def _is_about_namespaces(parser: etree.XMLParser) -> bool:
    """Whether that is all that is wrong."""
    entries = [entry for entry in parser.error_log if entry.level_name != "WARNING"]
    return bool(entries) and all(entry.domain_name == "NAMESPACE" for entry in entries)


def _detail(error: Exception) -> str:
    return str(error).removesuffix(" (<string>, line 1)")


def parse_xml(text: str, _modifier: int, _style: TextStyle) -> str:
    """Read content, and keep its text."""
    parse_content(text)
    return text


def format_xml(value: str, _style: TextStyle) -> str:
    """Write the text; a declaration only where it says something."""
    if not value.startswith("<?xml"):
        return value
    declaration = Declaration(value)
    written = written_declaration(declaration.version, declaration.standalone)
    return written + declaration.rest if written else declaration.rest.removeprefix("\n")


def receive_xml(data: bytes, modifier: int) -> str:
    """Read the binary form, which is text."""
    text = decode_text(data)
    parse_content(text)
    return text


XML_TYPES: Final = (
    define_text(
        "xml",
        parse=parse_xml,
        format=format_xml,
        receive=receive_xml,
        format_column=format_each(format_xml),
    ),
)
