"""Parse tree to expression nodes: the syntax of SQL/XML, as calls of the functions it stands for."""

from typing import Any, Final

from sqlglot import exp

from server.errors import FeatureNotSupported, SqlSyntaxError
from server.identifiers import xml_name
from server.sql import nodes
from server.sql.context import Context, Converters
from server.sql.expressions import type_name
from server.sql.grammar import Node, tree
from server.sql.queries import alias

OPTIONS: Final = {tree.XMLOPTION_DOCUMENT: "document", tree.XMLOPTION_CONTENT: "content"}
# What XMLROOT says of standalone: yes, no, no value, nothing.
STANDALONE: Final = (1, 0, -1, 2)


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A call of a function of pg_catalog, which is printed as the syntax it stands for."""
    return nodes.FunctionCall(
        name=("pg_catalog", name),
        arguments=list(arguments),
        order=[],
        filter=None,
        over=None,
        distinct=False,
        variadic=False,
        within_group=False,
        star=False,
        sql_syntax=True,
    )


def text(value: str) -> exp.Expression:
    """A constant of type text."""
    return _cast(nodes.StringConstant(this=value), "text")


def number(value: int) -> exp.Expression:
    """A constant of type integer."""
    return nodes.IntegerConstant(this=str(value))


def _cast(node: exp.Expression, name: str) -> exp.Expression:
    return exp.Cast(this=node, to=_type(name))


def _as_text(node: exp.Expression) -> exp.Expression:
    """A cast to text, unless it is one: what was printed is read again."""
    if isinstance(node, exp.Cast):
        kind = node.args["to"]
        if (
            kind.args["parts"] in (("text",), ("pg_catalog", "text"))
            and not kind.args["array_bounds"]
        ):
            return node
    return _cast(node, "text")


def _type(name: str) -> nodes.TypeName:
    return nodes.TypeName(
        parts=("pg_catalog", name), modifiers=[], array_bounds=[], setof=False, percent_type=False
    )


def xml_expression(context: Context, message: tree.XmlExpr) -> exp.Expression:
    """Convert XMLELEMENT and its kin."""
    node: exp.Expression = EXPRESSIONS[message.op](context, message)
    return context.placed(node, message.location)


def _concat(context: Context, message: tree.XmlExpr) -> exp.Expression:
    return call("xmlconcat", *context.all(message.args))


def _element(context: Context, message: tree.XmlExpr) -> exp.Expression:
    pairs = _pairs(context, message, "unnamed XML attribute value must be a column reference")
    names = [name for name, _ in pairs]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise SqlSyntaxError(
                f'XML attribute name "{name}" appears more than once',
                position=context.position(message.named_args[at].res_target.location),
            )
    attributes = [part for name, value in pairs for part in (text(name), value)]
    contents = context.all(message.args)
    return call(
        "xmlelement",
        text(xml_name(message.name, is_full=False)),
        number(len(pairs)),
        *attributes,
        *contents,
    )


def _forest(context: Context, message: tree.XmlExpr) -> exp.Expression:
    pairs = _pairs(context, message, "unnamed XML element value must be a column reference")
    return call("xmlforest", *(part for name, value in pairs for part in (text(name), value)))


def _pairs(
    context: Context, message: tree.XmlExpr, complaint: str
) -> list[tuple[str, exp.Expression]]:
    """Values with the names they have as XML; a column has its own."""
    found = []
    for item in message.named_args:
        target = item.res_target
        name = target.name
        if not name:
            if target.val.WhichOneof("node") != "column_ref":
                raise SqlSyntaxError(complaint, position=context.position(target.location))
            name = target.val.column_ref.fields[-1].string.sval
        found.append((xml_name(name, is_full=not target.name), context.convert(target.val)))
    return found


def _parse(context: Context, message: tree.XmlExpr) -> exp.Expression:
    value = _as_text(context.convert(message.args[0]))
    keeps_blanks = message.args[1].a_const.boolval.boolval
    blanks = (exp.Boolean(this=True),) if keeps_blanks else ()
    return call("xmlparse", text(OPTIONS[message.xmloption]), value, *blanks)


def _instruction(context: Context, message: tree.XmlExpr) -> exp.Expression:
    name = text(xml_name(message.name, is_full=False))
    if not message.args:
        return call("xmlpi", name)
    value = _as_text(context.convert(message.args[0]))
    return call("xmlpi", name, value, exp.Boolean(this=True))


def _root(context: Context, message: tree.XmlExpr) -> exp.Expression:
    value, version, standalone = message.args
    return call(
        "xmlroot",
        context.convert(value),
        _as_text(context.convert(version)),
        number(STANDALONE[standalone.a_const.ival.ival]),
    )


def _is_document(context: Context, message: tree.XmlExpr) -> exp.Expression:
    return call("is_document", *context.all(message.args))


EXPRESSIONS: Final[dict[int, Any]] = {
    tree.IS_XMLCONCAT: _concat,
    tree.IS_XMLELEMENT: _element,
    tree.IS_XMLFOREST: _forest,
    tree.IS_XMLPARSE: _parse,
    tree.IS_XMLPI: _instruction,
    tree.IS_XMLROOT: _root,
    tree.IS_DOCUMENT: _is_document,
}


def serialize(context: Context, message: tree.XmlSerialize) -> exp.Expression:
    """Convert XMLSERIALIZE, a cast of the text."""
    value = call("xmlserialize", text(OPTIONS[message.xmloption]), context.convert(message.expr))
    node = exp.Cast(this=value, to=type_name(context, message.type_name))
    return context.placed(node, message.location)


def table(context: Context, message: tree.RangeTableFunc) -> exp.Expression:
    """Convert XMLTABLE: a function whose columns the query defines."""
    columns = [item.range_table_func_col for item in message.columns]
    flags = ["o" if each.for_ordinality else "n" * each.is_not_null for each in columns]
    spaces = [
        _as_text(part)
        for item in map(_named_space, message.namespaces)
        for part in (
            nodes.StringConstant(this=item.name),
            context.convert(item.val),
        )
    ]
    pairs = [
        nodes.ArrayConstructor(arguments=spaces[at : at + 2]) for at in range(0, len(spaces), 2)
    ]
    namespaces = nodes.ArrayConstructor(arguments=pairs) if pairs else exp.Null()
    function = call(
        "xmltable",
        text(",".join(flags)),
        _as_text(context.convert(message.rowexpr)),
        context.convert(message.docexpr),
        _cast(namespaces, "_text"),
        *(part for each in columns for part in _given(context, each)),
    )
    context.placed(function, message.location)
    node = nodes.FunctionTable(
        functions=[nodes.RowsFromItem(this=function, columns=[])],
        lateral=message.lateral,
        ordinality=False,
        rows_from=False,
        columns=[_column(context, each) for each in columns],
        **(
            alias(message)
            if message.HasField("alias")
            else {"alias": "xmltable", "column_aliases": ()}
        ),
    )
    return context.placed(node, message.location)


def _named_space(item: Node) -> tree.ResTarget:
    if not item.res_target.name:
        raise FeatureNotSupported("DEFAULT namespace is not supported")
    return item.res_target


def _given(context: Context, message: tree.RangeTableFuncCol) -> tuple[exp.Expression, ...]:
    """The path of a column and its default."""
    return tuple(
        _as_text(_optional(context, message, field)) for field in ("colexpr", "coldefexpr")
    )


def _optional(context: Context, message: tree.RangeTableFuncCol, field: str) -> exp.Expression:
    return context.convert(getattr(message, field)) if message.HasField(field) else exp.Null()


def _column(context: Context, message: tree.RangeTableFuncCol) -> nodes.ColumnDefinition:
    kind = _type("int4") if message.for_ordinality else type_name(context, message.type_name)
    node = nodes.ColumnDefinition(name=message.colname, type=kind, collation=())
    return context.placed(node, message.location)


CONVERTERS: Final[Converters] = {
    "xml_expr": xml_expression,
    "xml_serialize": serialize,
    "range_table_func": table,
}
