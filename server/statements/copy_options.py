"""The options of COPY as written, to those of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol.copy_format import CopyFormat, CopyOptions, Header
from protocol.encodings import UNSUPPORTED, encoding_named, is_converted
from server.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    SqlSyntaxError,
    UndefinedColumn,
    UndefinedFunction,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocol.encodings import Encoding
    from server.sql.utility_statement import Option

COLUMN_LISTS = ("force_quote", "force_not_null", "force_null")


def copy_options(
    options: Sequence[Option],
    columns: Sequence[str],
    *,
    is_from: bool,
    client_encoding: Encoding | None,
) -> CopyOptions:
    """Read the options; raises SqlError as PostgreSQL does for what does not go together.

    client_encoding: that of the data where ENCODING says nothing; None for UTF8.
    """
    given: dict[str, Any] = {}
    for option in options:
        if option.name in given:
            raise SqlSyntaxError("conflicting or redundant options")
        given[option.name] = option.value
    form = _format(str(given.pop("format", "text")))
    is_csv = form is CopyFormat.CSV
    values: dict[str, Any] = {"format": form}
    values["delimiter"] = _byte(given, "delimiter", b"," if is_csv else b"\t", form)
    null = given.pop("null", None)
    values["null"] = (b"" if is_csv else b"\\N") if null is None else str(null).encode()
    values["header"] = _header(given, form, is_from=is_from)
    values["quote"] = _byte(given, "quote", b'"', form, csv_only=True)
    values["escape"] = _byte(given, "escape", values["quote"], form, csv_only=True)
    for name in COLUMN_LISTS:
        if name in given:
            values[name] = _column_flags(name, given.pop(name), columns, form, is_from=is_from)
    values["encoding"] = _encoding(given, client_encoding)
    given.pop("freeze", None)
    for name in given:
        raise SqlSyntaxError(f'option "{name}" not recognized')
    _refuse_clashes(values, form)
    return CopyOptions(**values)


def _format(name: str) -> CopyFormat:
    try:
        return CopyFormat(name.lower())
    except ValueError as error:
        raise InvalidParameterValue(f'COPY format "{name}" not recognized') from error


def _encoding(given: dict[str, Any], client_encoding: Encoding | None) -> Encoding | None:
    if "encoding" not in given:
        return client_encoding
    found = encoding_named(str(given.pop("encoding")))
    if found is None:
        raise InvalidParameterValue('argument to option "encoding" must be a valid encoding name')
    if found.name in UNSUPPORTED:
        raise FeatureNotSupported(f'COPY encoding "{found.name}" is not supported')
    if not found.codec:
        raise UndefinedFunction(
            f'default conversion function for encoding "{found.name}" to "UTF8" does not exist'
        )
    return found if is_converted(found) else None


def _byte(
    given: dict[str, Any], name: str, default: bytes, form: CopyFormat, *, csv_only: bool = False
) -> bytes:
    if name not in given:
        return default
    if csv_only and form is not CopyFormat.CSV:
        raise FeatureNotSupported(f"COPY {name} available only in CSV mode")
    if form is CopyFormat.BINARY:
        raise SqlSyntaxError(f"cannot specify {name.upper()} in BINARY mode")
    value = str(given.pop(name)).encode()
    if len(value) != 1:
        raise FeatureNotSupported(f"COPY {name} must be a single one-byte character")
    return value


def _header(given: dict[str, Any], form: CopyFormat, *, is_from: bool) -> Header:
    if "header" not in given:
        return Header.NONE
    if form is CopyFormat.BINARY:
        raise FeatureNotSupported("cannot specify HEADER in BINARY mode")
    value = given.pop("header")
    word = "true" if value is None else str(value).lower()
    if word == "match":
        if not is_from:
            raise FeatureNotSupported('cannot use "match" with HEADER in COPY TO')
        return Header.MATCH
    if word in ("true", "on", "1"):
        return Header.PRESENT
    if word in ("false", "off", "0"):
        return Header.NONE
    raise SqlSyntaxError('header requires a Boolean value or "match"')


def _column_flags(
    name: str, value: Any, columns: Sequence[str], form: CopyFormat, *, is_from: bool
) -> tuple[bool, ...]:
    shown = name.replace("_", " ")
    if form is not CopyFormat.CSV:
        raise FeatureNotSupported(f"COPY {shown} available only in CSV mode")
    if (name == "force_quote") == is_from:
        way = "COPY FROM" if name != "force_quote" else "COPY TO"
        raise FeatureNotSupported(f"COPY {shown} only available using {way}")
    if value == "*":
        return (True,) * len(columns)
    listed = value if isinstance(value, tuple) else (value,)
    for item in listed:
        if item not in columns:
            raise UndefinedColumn(f'{name.upper()} column "{item}" not referenced by COPY')
    return tuple(column in listed for column in columns)


def _refuse_clashes(values: dict[str, Any], form: CopyFormat) -> None:
    delimiter, null = values["delimiter"], values["null"]
    if b"\n" in null or b"\r" in null:
        raise InvalidParameterValue(
            "COPY null representation cannot use newline or carriage return"
        )
    if delimiter in (b"\n", b"\r"):
        raise InvalidParameterValue("COPY delimiter cannot be newline or carriage return")
    if form is CopyFormat.TEXT and delimiter in b"\\.abcdefghijklmnopqrstuvwxyz0123456789":
        raise InvalidParameterValue(f'COPY delimiter cannot be "{delimiter.decode()}"')
    if form is CopyFormat.CSV and delimiter == values["quote"]:
        raise InvalidParameterValue("COPY delimiter and quote must be different")
    if form is not CopyFormat.BINARY and delimiter in null:
        raise FeatureNotSupported("COPY delimiter must not appear in the NULL specification")
    if form is CopyFormat.CSV and values["quote"] in null:
        raise FeatureNotSupported("CSV quote character must not appear in the NULL specification")
