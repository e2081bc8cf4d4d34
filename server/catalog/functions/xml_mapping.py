"""table_to_xml, query_to_xml, schema_to_xml and their kin: tables and queries as XML, and XML schemas of them.

Rule 1: a table is read by a query that its user could write: privileges and policies are those of the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.catalog.functions.scope import names_of, session_of, view_of
from server.catalog.objects import Schema, Table, UserType
from server.catalog.privileges import has_privilege
from server.errors import InvalidCursorName, InvalidSchemaName, UndefinedTable
from server.functions.declare import row
from server.functions.xml_schemas import (
    Rowset,
    Shape,
    TypePlace,
    schema_of_database,
    schema_of_rows,
    schema_of_schema,
)
from server.functions.xml_text import value_text
from server.identifiers import xml_name
from server.oids import FIRST_USER_OID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from server.functions.function import CallContext, Function
    from server.types.type import Type, TypeReference

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
Rows = tuple[tuple["TypeReference", ...], tuple[str, ...], "Iterable[Sequence[Any]]"]


def _shape(call: CallContext, nulls: bool, forest: bool, namespace: str) -> Shape:
    session = session_of(call)
    database = view_of(call).object(session.database_oid)
    in_hex = session.settings.show("xmlbinary") == "hex"
    return Shape(nulls, forest, namespace, in_hex, "" if database is None else database.name)


# Contents


def _opened(name: str, shape: Shape, schema: str, *, is_top: bool) -> str:
    text = f"<{name}"
    if is_top:
        text += f' xmlns:xsi="{XSI}"'
    if shape.namespace and is_top:
        text += f' xmlns="{shape.namespace}"'
    if schema and shape.namespace:
        text += f' xsi:schemaLocation="{shape.namespace} #"'
    elif schema:
        text += ' xsi:noNamespaceSchemaLocation="#"'
    return f"{text}>\n"


def _row(call: CallContext, rows: Rows, values: Sequence[Any], shape: Shape) -> str:
    """The columns of a row."""
    types, names, _ = rows
    parts = []
    for kind, name, value in zip(types, names, values, strict=False):
        element = xml_name(name)
        if value is not None:
            content = value_text(value, kind.type, call, in_hex=shape.in_hex)
            parts.append(f"  <{element}>{content}</{element}>\n")
        elif shape.nulls:
            parts.append(f'  <{element} xsi:nil="true"/>\n')
    return "".join(parts)


def _content(
    call: CallContext, rows: Rows, shape: Shape, name: str, *, schema: str = "", is_top: bool = True
) -> str:
    """Rows as XML, in an element of that name, or each in one of its own."""
    element = xml_name(name) if name else "row" if shape.forest else "table"
    before = f"{schema}\n\n" if schema else ""
    if shape.forest:
        start = _opened(element, shape, "", is_top=is_top)
        shown = (_row(call, rows, values, shape) for values in rows[2])
        return before + "".join(f"{start}{each}</{element}>\n\n" for each in shown)
    shown = (_row(call, rows, values, shape) for values in rows[2])
    body = "".join(f"<row>\n{each}</row>\n\n" for each in shown)
    return f"{_opened(element, shape, schema, is_top=is_top)}\n{before}{body}</{element}>\n"


def _run(call: CallContext, query: str) -> Rows:
    planned, rows = call.execution.query(query)
    return planned.types, planned.names, rows


def _cursor_rows(call: CallContext, name: str, count: int) -> Rows:
    portal = session_of(call).portals.get(name)
    if portal is None:
        raise InvalidCursorName(f'cursor "{name}" does not exist')
    planned = portal.planned
    return planned.types, planned.names, call.execution.portal_rows(portal, count) if count else ()


# What is mapped


def _table(call: CallContext, oid: int) -> Table:
    found = view_of(call).object(oid)
    if not isinstance(found, Table):
        raise UndefinedTable(f"relation with OID {oid} does not exist")
    return found


def _table_rows(call: CallContext, table: Table) -> Rows:
    shown = names_of(call).name_of("regclass", table.oid)
    return _run(call, f"SELECT * FROM {shown}")  # noqa: S608  (a name that is quoted)


def _schema_name(call: CallContext, oid: int) -> str:
    found = view_of(call).object(oid)
    return "" if found is None else found.name


def _place(call: CallContext, kind: Type) -> TypePlace:
    view = view_of(call)
    found = view.object(kind.oid)
    schema = _schema_name(call, getattr(found, "schema", 11))
    if kind.oid < FIRST_USER_OID or not isinstance(found, UserType) or found.kind != "d":
        return TypePlace(kind, schema)
    base = _place(call, view.type(found.base_type))
    return TypePlace(kind, schema, base.base or base)


def _rowset_of_table(call: CallContext, table: Table) -> Rowset:
    view = view_of(call)
    columns = tuple(
        (column.name, _place(call, view.type(column.type))) for column in table.live_columns
    )
    return Rowset(columns, _schema_name(call, table.schema), table.name)


def _rowset_of_rows(call: CallContext, rows: Rows) -> Rowset:
    types, names, _ = rows
    pairs = zip(names, types, strict=False)
    return Rowset(tuple((name, _place(call, kind.type)) for name, kind in pairs))


def _schema(call: CallContext, name: str) -> Schema:
    found = view_of(call).schema_named(name)
    if found is None:
        raise InvalidSchemaName(f'schema "{name}" does not exist')
    return found


def _tables_of(call: CallContext, schema: Schema) -> list[Table]:
    """The tables and views of a schema that the user may read, by name."""
    view, user = view_of(call), session_of(call).user_oid
    found = [
        table
        for table in view.objects(Table)
        if table.schema == schema.oid
        and table.kind in "rmv"
        and has_privilege(view, user, table, "r")
    ]
    return sorted(found, key=lambda table: table.name)


def _schemas(call: CallContext) -> list[Schema]:
    """The schemas that the user may look into, but for those of the system, by name."""
    view, user = view_of(call), session_of(call).user_oid
    found = [
        schema
        for schema in view.objects(Schema)
        if not schema.name.startswith("pg_")
        and schema.name != "information_schema"
        and has_privilege(view, user, schema, "U")
    ]
    return sorted(found, key=lambda schema: schema.name)


# Functions: contents, schemas, and both


def _of_table(call: CallContext, oid: int, *options: Any, both: bool = False) -> str:
    table, shape = _table(call, oid), _shape(call, *options)
    schema = schema_of_rows(_rowset_of_table(call, table), shape) if both else ""
    return _content(call, _table_rows(call, table), shape, table.name, schema=schema)


def _schema_of_table(call: CallContext, oid: int, *options: Any) -> str:
    return schema_of_rows(_rowset_of_table(call, _table(call, oid)), _shape(call, *options))


def _of_query(call: CallContext, query: str, *options: Any, both: bool = False) -> str:
    rows, shape = _run(call, query), _shape(call, *options)
    schema = schema_of_rows(_rowset_of_rows(call, rows), shape) if both else ""
    return _content(call, rows, shape, "", schema=schema)


def _schema_of_query(call: CallContext, query: str, *options: Any) -> str:
    return schema_of_rows(_rowset_of_rows(call, _run(call, query)), _shape(call, *options))


def _of_cursor(call: CallContext, name: str, count: int, *options: Any) -> str:
    return _content(call, _cursor_rows(call, name, count), _shape(call, *options), "")


def _schema_of_cursor(call: CallContext, name: str, *options: Any) -> str:
    return schema_of_rows(
        _rowset_of_rows(call, _cursor_rows(call, name, 0)), _shape(call, *options)
    )


def _tables_content(
    call: CallContext, schema: Schema, shape: Shape, *, text: str = "", is_top: bool = True
) -> str:
    element = xml_name(schema.name)
    tables = "".join(
        _content(call, _table_rows(call, table), shape, table.name, is_top=False) + "\n"
        for table in _tables_of(call, schema)
    )
    before = f"{text}\n\n" if text else ""
    return f"{_opened(element, shape, text, is_top=is_top)}\n{before}{tables}</{element}>\n"


def _rowsets(call: CallContext, schema: Schema) -> list[Rowset]:
    return [_rowset_of_table(call, table) for table in _tables_of(call, schema)]


def _schema_of_schema(call: CallContext, name: str, *options: Any) -> str:
    schema = _schema(call, name)
    return schema_of_schema(schema.name, _rowsets(call, schema), _shape(call, *options))


def _of_schema(call: CallContext, name: str, *options: Any, both: bool = False) -> str:
    text = _schema_of_schema(call, name, *options) if both else ""
    return _tables_content(call, _schema(call, name), _shape(call, *options), text=text)


def _schema_of_database(call: CallContext, *options: Any) -> str:
    schemas = [(schema.name, _rowsets(call, schema)) for schema in _schemas(call)]
    return schema_of_database(schemas, _shape(call, *options))


def _of_database(call: CallContext, *options: Any, both: bool = False) -> str:
    shape = _shape(call, *options)
    text = _schema_of_database(call, *options) if both else ""
    element = xml_name(shape.database)
    schemas = "".join(
        _tables_content(call, schema, shape, is_top=False) + "\n" for schema in _schemas(call)
    )
    before = f"{text}\n\n" if text else ""
    return f"{_opened(element, shape, text, is_top=True)}\n{before}{schemas}</{element}>\n"


def _both(of: Callable[..., str]) -> Callable[..., str]:
    def map_both(call: CallContext, *arguments: Any) -> str:
        return of(call, *arguments, both=True)

    return map_both


OPTIONS: Final = "nulls bool, tableforest bool, targetns text"
# the OID and the kinds of what is given, its contents, its schema
SUBJECTS: Final = (
    ((2923, 2926, 2929), "table", "tbl regclass, ", _of_table, _schema_of_table),
    ((2924, 2927, 2930), "query", "query text, ", _of_query, _schema_of_query),
    ((2933, 2934, 2935), "schema", "schema name, ", _of_schema, _schema_of_schema),
    ((2936, 2937, 2938), "database", "", _of_database, _schema_of_database),
)


def _functions() -> list[Function]:
    functions = []
    for oids, word, argument, content, schema in SUBJECTS:
        made = (
            ("xml", content, f"a {word} as XML"),
            ("xmlschema", schema, f"the XML schema of a {word}"),
            ("xml_and_xmlschema", _both(content), f"a {word} as XML with its schema"),
        )
        for oid, (suffix, implementation, doc) in zip(oids, made, strict=True):
            signature = f"{oid} {word}_to_{suffix}({argument}{OPTIONS}) xml volatile context"
            functions.append(row(signature, implementation, doc, may_wait=True))
    return functions


FUNCTIONS = (
    *_functions(),
    row(
        f"2925 cursor_to_xml(cursor refcursor, count int4, {OPTIONS}) xml volatile context",
        _of_cursor,
        "the next rows of a cursor as XML",
        may_wait=True,
    ),
    row(
        f"2928 cursor_to_xmlschema(cursor refcursor, {OPTIONS}) xml volatile context",
        _schema_of_cursor,
        "the XML schema of a cursor's rows",
    ),
)
