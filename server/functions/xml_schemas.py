"""XML schemas of what tables and queries look like as XML, by the rules of SQL/XML; layout and blanks are PostgreSQL's.

Rule 1: a type has one name, and one definition, for all columns of the type; modifiers make no difference.
Rule 2: a type of its own is named by database and schema as well, so that no two of them are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from server.identifiers import xml_name
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.types.type import Type

XSD: Final = "http://www.w3.org/2001/XMLSchema"
NAMES: Final = {
    "bpchar": "CHAR",
    "varchar": "VARCHAR",
    "numeric": "NUMERIC",
    "int4": "INTEGER",
    "int2": "SMALLINT",
    "int8": "BIGINT",
    "float4": "REAL",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "time": "TIME",
    "timetz": "TIME_WTZ",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP_WTZ",
    "date": "DATE",
    "xml": "XML",
}
"""What SQL calls its types."""

_DAY: Final = r"\p{Nd}{4}-\p{Nd}{2}-\p{Nd}{2}"
_TIME: Final = r"\p{Nd}{2}:\p{Nd}{2}:\p{Nd}{2}(.\p{Nd}+)?"
_ZONE: Final = r"(\+|-)\p{Nd}{2}:\p{Nd}{2}"
_ANYTHING: Final = """<xsd:complexType mixed="true">
  <xsd:sequence>
    <xsd:any name="element" minOccurs="0" maxOccurs="unbounded" processContents="skip"/>
  </xsd:sequence>
</xsd:complexType>
"""


def _restricted(base: str, *facets: str) -> str:
    lines = "".join(f"    <xsd:{facet}/>\n" for facet in facets)
    return f'  <xsd:restriction base="xsd:{base}">\n{lines}  </xsd:restriction>\n'


def _whole(base: str, bits: int) -> str:
    highest = 2 ** (bits - 1) - 1
    facets = f'maxInclusive value="{highest}"', f'minInclusive value="{-highest - 1}"'
    return _restricted(base, *facets)


def _plain(base: str) -> str:
    return f'  <xsd:restriction base="xsd:{base}"></xsd:restriction>\n'


RESTRICTIONS: Final = {
    **dict.fromkeys(("bpchar", "varchar", "text"), _restricted("string")),
    "numeric": "",
    "int2": _whole("short", 16),
    "int4": _whole("int", 32),
    "int8": _whole("long", 64),
    "float4": _plain("float"),
    "float8": _plain("double"),
    "bool": _plain("boolean"),
    "time": _restricted("time", f'pattern value="{_TIME}"'),
    "timetz": _restricted("time", f'pattern value="{_TIME}{_ZONE}"'),
    "timestamp": _restricted("dateTime", f'pattern value="{_DAY}T{_TIME}"'),
    "timestamptz": _restricted("dateTime", f'pattern value="{_DAY}T{_TIME}{_ZONE}"'),
    "date": _restricted("date", f'pattern value="{_DAY}"'),
}


@dataclass(frozen=True, slots=True)
class TypePlace:
    """A type with the schema it is in and, of a domain, the type below it."""

    type: Type
    schema: str
    base: TypePlace | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows are shown: NULLs as empty elements or not at all, a table as one element or an element a row."""

    nulls: bool
    forest: bool
    namespace: str
    in_hex: bool
    database: str


@dataclass(frozen=True, slots=True)
class Rowset:
    """What is mapped: a table of a schema, or a query, which has no names."""

    columns: tuple[tuple[str, TypePlace], ...]
    schema: str = ""
    name: str = ""

    def element(self, shape: Shape) -> str:
        """The name of its element."""
        if self.name:
            return xml_name(self.name)
        return "row" if shape.forest else "table"

    def type_name(self, kind: str, shape: Shape) -> str:
        """The name of its type of a kind: RowType or TableType."""
        return joined(kind, shape.database, self.schema, self.name) if self.name else kind


def joined(kind: str, *names: str) -> str:
    """A name of several parts."""
    return ".".join((kind, *(xml_name(name, escapes_period=True) for name in names if name)))


def type_name(place: TypePlace, shape: Shape) -> str:
    """What a type is called."""
    found = NAMES.get(place.type.name) if place.type.oid in range(1, FIRST_USER_OID) else None
    if found is not None:
        return found
    kind = "Domain" if place.type.kind == "d" else "UDT"
    return joined(kind, shape.database, place.schema, place.type.name)


def _type(place: TypePlace, shape: Shape) -> str:
    """The definition of a type."""
    kind = place.type
    if kind.name == "xml":
        return _ANYTHING
    if place.base is not None:
        body = f'  <xsd:restriction base="{type_name(place.base, shape)}"/>\n'
    elif kind.name == "bytea":
        body = _restricted("hexBinary" if shape.in_hex else "base64Binary")
    else:
        body = RESTRICTIONS.get(kind.name, "")
    return f'<xsd:simpleType name="{type_name(place, shape)}">\n{body}</xsd:simpleType>\n'


def _types(rowsets: Iterable[Rowset], shape: Shape) -> str:
    """The definitions of all types that occur, those below domains last."""
    found = {place.type.oid: place for each in rowsets for _, place in each.columns}
    for place in list(found.values()):
        if place.base is not None:
            found.setdefault(place.base.type.oid, place.base)
    return "".join(f"{_type(place, shape)}\n" for place in found.values())


def _schema(content: str, shape: Shape) -> str:
    namespace = ""
    if shape.namespace:
        namespace = f'\n    targetNamespace="{shape.namespace}"\n    elementFormDefault="qualified"'
    return f'<xsd:schema\n    xmlns:xsd="{XSD}"{namespace}>\n\n{content}</xsd:schema>'


def _complex(name: str, body: str) -> str:
    return f'<xsd:complexType name="{name}">\n{body}</xsd:complexType>\n\n'


def _element(name: str, kind: str) -> str:
    return f'<xsd:element name="{name}" type="{kind}"/>\n\n'


def schema_of_rows(rowset: Rowset, shape: Shape) -> str:
    """The schema of a table or of a query."""
    row_type, table_type = (rowset.type_name(kind, shape) for kind in ("RowType", "TableType"))
    may_lack = 'nillable="true"' if shape.nulls else 'minOccurs="0"'
    columns = "".join(
        f'    <xsd:element name="{xml_name(name)}" type="{type_name(place, shape)}" {may_lack}>'
        "</xsd:element>\n"
        for name, place in rowset.columns
    )
    content = _types((rowset,), shape)
    content += _complex(row_type, f"  <xsd:sequence>\n{columns}  </xsd:sequence>\n")
    if shape.forest:
        return _schema(content + _element(rowset.element(shape), row_type), shape)
    rows = f'    <xsd:element name="row" type="{row_type}" minOccurs="0" maxOccurs="unbounded"/>\n'
    content += _complex(table_type, f"  <xsd:sequence>\n{rows}  </xsd:sequence>\n")
    return _schema(content + _element(rowset.element(shape), table_type), shape)


def _schema_type(name: str, rowsets: Sequence[Rowset], shape: Shape) -> str:
    """The type of all tables of a schema, and its element."""
    kind = "RowType" if shape.forest else "TableType"
    often = ' minOccurs="0" maxOccurs="unbounded"' if shape.forest else ""
    tables = "".join(
        f'    <xsd:element name="{each.element(shape)}" type="{each.type_name(kind, shape)}"'
        f"{often}/>\n"
        for each in rowsets
    )
    group = "sequence" if shape.forest else "all"
    own = joined("SchemaType", shape.database, name)
    body = f"  <xsd:{group}>\n{tables}  </xsd:{group}>\n"
    return _complex(own, body) + _element(xml_name(name), own)


def schema_of_schema(name: str, rowsets: Sequence[Rowset], shape: Shape) -> str:
    """The schema of all tables of a schema."""
    return _schema(_types(rowsets, shape) + _schema_type(name, rowsets, shape), shape)


def schema_of_database(schemas: Sequence[tuple[str, Sequence[Rowset]]], shape: Shape) -> str:
    """The schema of all schemas of a database; what is in them is not said, as in PostgreSQL."""
    content = _types([each for _, rowsets in schemas for each in rowsets], shape)
    own = joined("CatalogType", shape.database)
    names = "".join(
        f'    <xsd:element name="{xml_name(name)}" '
        f'type="{joined("SchemaType", shape.database, name)}"/>\n'
        for name, _ in schemas
    )
    content += _complex(own, f"  <xsd:all>\n{names}  </xsd:all>\n")
    return _schema(content + _element(xml_name(shape.database), own), shape)
