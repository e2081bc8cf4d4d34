"""SQL/XML to text: what the parser has made calls of functions, in the syntax it was.

Rule: IS DOCUMENT stands without parentheses only where nothing around it binds tighter. PostgreSQL never writes any,
      and reads `true = x IS DOCUMENT`, which it prints, as something else.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from sqlglot import exp

from server.sql import nodes
from server.sql.printer import Printer
from server.sql.quoting import quote_identifier, type_text

STANDALONE: Final = {"1": ", STANDALONE YES", "0": ", STANDALONE NO", "-1": ", STANDALONE NO VALUE"}
TEXTS: Final = ("text", "varchar", "bpchar")
OPERANDS: Final = (
    *nodes.OPERATOR_NAMES,
    nodes.OperatorCall,
    nodes.QuantifiedComparison,
    nodes.Collation,
    exp.Is,
    exp.In,
    exp.Between,
)
"""Parents that would take IS DOCUMENT's operand for their own."""
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4,8})_")


def bare(node: exp.Expression) -> exp.Expression:
    """An expression without its casts."""
    while isinstance(node, exp.Cast):
        node = node.this
    return node


def name(node: exp.Expression) -> str:
    """The identifier that a constant name of XML was."""
    said = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), bare(node).this)
    return quote_identifier(said)


def pairs(printer: Printer, arguments: Sequence[exp.Expression]) -> None:
    """Print values with their names, which come first among the arguments."""
    for at in range(0, len(arguments), 2):
        printer.enclosed(", " if at else "", arguments[at + 1], f" AS {name(arguments[at])}")


def concat(printer: Printer, node: exp.Expression) -> None:
    """Print XMLCONCAT."""
    printer.write("XMLCONCAT(")
    printer.list(node.args["arguments"])
    printer.write(")")


def element(printer: Printer, node: exp.Expression) -> None:
    """Print XMLELEMENT: its name, the number of its attributes, these, and what it contains."""
    tag, count, *rest = node.args["arguments"]
    end = 2 * int(bare(count).this)
    printer.write(f"XMLELEMENT(NAME {name(tag)}")
    if end:
        printer.write(", XMLATTRIBUTES(")
        pairs(printer, rest[:end])
        printer.write(")")
    for content in rest[end:]:
        printer.enclosed(", ", content, "")
    printer.write(")")


def forest(printer: Printer, node: exp.Expression) -> None:
    """Print XMLFOREST."""
    printer.write("XMLFOREST(")
    pairs(printer, node.args["arguments"])
    printer.write(")")


def parse(printer: Printer, node: exp.Expression) -> None:
    """Print XMLPARSE; a third argument says that blanks are preserved."""
    option, value, *blanks = node.args["arguments"]
    word = "PRESERVE" if blanks else "STRIP"
    printer.enclosed(f"XMLPARSE({bare(option).this.upper()} ", value, f" {word} WHITESPACE)")


def instruction(printer: Printer, node: exp.Expression) -> None:
    """Print XMLPI; a third argument only tells it from one without a content."""
    target, *contents = node.args["arguments"]
    printer.write(f"XMLPI(NAME {name(target)}")
    for content in contents[:1]:
        printer.enclosed(", ", content, "")
    printer.write(")")


def root(printer: Printer, node: exp.Expression) -> None:
    """Print XMLROOT."""
    value, version, standalone = node.args["arguments"]
    printer.enclosed("XMLROOT(", value, ", VERSION ")
    if isinstance(bare(version), exp.Null):
        printer.write("NO VALUE")
    else:
        printer.print(version)
    printer.write(STANDALONE.get(_number(standalone), "") + ")")


def _number(node: exp.Expression) -> str:
    found = bare(node)
    return f"-{found.this.this}" if isinstance(found, exp.Neg) else str(found.this)


def serialize(printer: Printer, node: exp.Expression) -> None:
    """Print XMLSERIALIZE, whose type is that of the cast around it."""
    option, value = node.args["arguments"]
    around = printer.parent
    kind = type_text(around.args["to"]) if isinstance(around, exp.Cast) else "text"
    printer.enclosed(f"XMLSERIALIZE({bare(option).this.upper()} ", value, f" AS {kind})")


def serialized(node: exp.Expression) -> exp.Expression | None:
    """What to print instead of a cast which XMLSERIALIZE says by itself; None: the cast is one of its own."""
    inner = node.this
    said = type_text(node.args["to"])
    if _is_serialize(inner):
        return inner if said == "text" else None
    is_same = isinstance(inner, exp.Cast) and type_text(inner.args["to"]) == said
    return inner if is_same and _is_serialize(inner.this) else None


def _is_serialize(node: exp.Expression) -> bool:
    return (
        isinstance(node, nodes.FunctionCall)
        and node.args["name"][-1] == "xmlserialize"
        and bool(node.args["sql_syntax"])
    )


def is_document(printer: Printer, node: exp.Expression) -> None:
    """Print IS DOCUMENT."""
    is_operand = isinstance(printer.parent, OPERANDS) or (
        printer.pretty and isinstance(printer.parent, exp.Cast)
    )
    printer.write("(" if is_operand else "")
    value = node.args["arguments"][0]
    if printer.pretty and isinstance(value, exp.Cast | nodes.FunctionCall):
        printer.enclosed("(", value, ")")
    else:
        printer.print(value)
    printer.write(" IS DOCUMENT" + (")" if is_operand else ""))


SYNTAXES_OF_XML: Final[dict[str, Callable[[Printer, exp.Expression], None]]] = {
    "xmlconcat": concat,
    "xmlelement": element,
    "xmlforest": forest,
    "xmlparse": parse,
    "xmlpi": instruction,
    "xmlroot": root,
    "xmlserialize": serialize,
    "is_document": is_document,
}


def is_xml_table(node: exp.Expression) -> bool:
    """Whether a FROM item of functions is XMLTABLE."""
    call = node.args["functions"][0].this
    return (
        isinstance(call, nodes.FunctionCall)
        and bool(call.args["sql_syntax"])
        and call.args["name"][-1] == "xmltable"
    )


def xml_table(printer: Printer, node: exp.Expression) -> None:
    """Print XMLTABLE: flags of the columns, row path, document, namespaces, then path and default of each column."""
    flags, rows, document, spaces, *given = node.args["functions"][0].this.args["arguments"]
    printer.write("XMLTABLE(")
    _namespaces(printer, bare(spaces))
    printer.enclosed("(", rows, ") PASSING (")
    printer.enclosed("", document, ") COLUMNS ")
    for at, (column, flag) in enumerate(
        zip(node.args["columns"], bare(flags).this.split(","), strict=True)
    ):
        printer.write(", " if at else "")
        _column(printer, column, flag, *given[2 * at : 2 * at + 2])
    printer.write(")")


def _namespaces(printer: Printer, spaces: exp.Expression) -> None:
    if isinstance(spaces, exp.Null):
        return
    for at, pair in enumerate(spaces.args["arguments"]):
        prefix, uri = pair.args["arguments"]
        printer.enclosed(
            ", " if at else "XMLNAMESPACES (", uri, f" AS {quote_identifier(bare(prefix).this)}"
        )
    printer.write("), ")


def _column(
    printer: Printer,
    column: exp.Expression,
    flag: str,
    path: exp.Expression,
    default: exp.Expression,
) -> None:
    printer.write(f"{quote_identifier(column.args['name'])} ")
    if flag == "o":
        printer.write("FOR ORDINALITY")
        return
    kind = column.args["type"]
    printer.write(type_text(kind))
    if not isinstance(bare(default), exp.Null):
        # The default of a column that is no text was made one for the function.
        is_text = kind.args["parts"][-1] in TEXTS
        said = default.this if isinstance(default, exp.Cast) and not is_text else default
        printer.enclosed(" DEFAULT (", said, ")")
    if not isinstance(bare(path), exp.Null):
        printer.enclosed(" PATH (", path, ")")
    printer.write(" NOT NULL" if flag == "n" else "")
