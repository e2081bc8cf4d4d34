"""CREATE CONVERSION."""

from dataclasses import dataclass
from typing import Final

from server.sql.context import Context, names
from server.sql.grammar import tree
from server.sql.utility_statement import Name, UtilityStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateConversion(UtilityStatement):
    """CREATE [DEFAULT] CONVERSION name FOR source TO target FROM function."""

    command_tag = "CREATE CONVERSION"
    name: Name
    source: str
    target: str
    function: Name
    is_default: bool


def create_conversion(_: Context, message: tree.CreateConversionStmt) -> CreateConversion:
    """Convert CREATE CONVERSION."""
    return CreateConversion(
        name=names(message.conversion_name),
        source=message.for_encoding_name,
        target=message.to_encoding_name,
        function=names(message.func_name),
        is_default=getattr(message, "def"),
    )


UTILITIES: Final = {"create_conversion_stmt": create_conversion}
