"""Text: everything that counts, cuts, joins and replaces characters.

Positions count from 1. Results above the size that a value may have are refused before they are
built.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final

from server.functions.composed_texts import (
    BITS,
    FIRST_CODE,
    INITCAP,
    LPAD,
    OCTETS,
    OVERLAY,
    REPEAT,
    RPAD,
    STARTS_WITH,
    TRANSLATE,
)
from server.functions.declare import row
from server.functions.function import AnyForm
from server.functions.text_kernels import (
    BTRIM,
    LEFT,
    LOWER,
    LTRIM,
    MD5,
    REVERSE,
    RIGHT,
    RTRIM,
    UPPER,
    concatenate_kernel,
    length_kernel,
    position_kernel,
    replace_kernel,
    rtrim_blanks_kernel,
    split_part_kernel,
    substring_kernel,
)
from server.functions.text_operations import (
    _ascii,
    _bits,
    _chr,
    _first_character,
    _is_normalized,
    _left,
    _lpad,
    _md5,
    _normalize,
    _octets,
    _overlay,
    _position,
    _repeat,
    _right,
    _rpad,
    _same,
    _split_part,
    _starts_with,
    _stripped_length,
    _to_char_type,
    _translate,
    _trim,
    _unistr,
    replace,
    substring,
)
from server.identifiers import quote_identifier
from server.types.letters import initial_capitals, lower, upper
from server.types.text import cut_name, format_char
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from server.functions.function import CallContext


def _pad_to(context: CallContext, text: str, modifier: int, explicit: bool) -> str:
    coerce = context.result.type.coerce
    return text if coerce is None or modifier < 0 else coerce(text, modifier, explicit)


_POSITION = "Position of a part, or 0.", "'high', 'ig' -> 2", position_kernel
_BTRIM, _LTRIM, _RTRIM = _trim("both"), _trim("left"), _trim("right")


def _rtrim_blanks(text: str) -> str:
    return text.rstrip(" ")


FUNCTIONS: Final = (
    row(
        "1258 textcat(text, text) text",
        operator.add,
        "Joins two texts.",
        "'ab', 'cd' -> abcd",
        AnyForm(concatenate_kernel),
    ),
    row("1317 length(text) int4", len, "Number of characters.", "'jose' -> 4", length_kernel),
    row(
        "1318 length(bpchar) int4",
        _stripped_length,
        "Number of characters without blanks at the end.",
        "'jose ' -> 4",
    ),
    row("1381 char_length(text) int4", len, "Number of characters.", "'jose' -> 4", length_kernel),
    row(
        "1372 char_length(bpchar) int4",
        _stripped_length,
        "Number of characters without blanks at the end.",
        "'jose ' -> 4",
    ),
    row(
        "1369 character_length(text) int4",
        len,
        "Number of characters.",
        "'jose' -> 4",
        length_kernel,
    ),
    row(
        "1367 character_length(bpchar) int4",
        _stripped_length,
        "Number of characters without blanks at the end.",
        "'a ' -> 1",
    ),
    row("1257 textlen(text) int4", len, "Number of characters.", "'jose' -> 4", length_kernel),
    row("1374 octet_length(text) int4", _octets, "Number of bytes.", "'jose' -> 4", OCTETS),
    row("1375 octet_length(bpchar) int4", _octets, "Number of bytes.", "'jose ' -> 5"),
    row("1811 bit_length(text) int4", _bits, "Number of bits.", "'jose' -> 32", BITS),
    row("870 lower(text) text", lower, "Lower case.", "'TOM' -> tom", LOWER),
    row("871 upper(text) text", upper, "Upper case.", "'tom' -> TOM", UPPER),
    row(
        "872 initcap(text) text",
        initial_capitals,
        "Each word capitalized.",
        "'hi THOMAS' -> Hi Thomas",
        INITCAP,
    ),
    row(
        "937 substring(text, int4) text",
        substring,
        "The part from a position.",
        "'Thomas', 3 -> omas",
        substring_kernel,
    ),
    row(
        "936 substring(text, int4, int4) text",
        substring,
        "The part from a position, for a length.",
        "'Thomas', 2, 3 -> hom",
        substring_kernel,
    ),
    row(
        "883 substr(text, int4) text",
        substring,
        "The part from a position.",
        "'alphabet', 3 -> phabet",
        substring_kernel,
    ),
    row(
        "877 substr(text, int4, int4) text",
        substring,
        "The part from a position, for a length.",
        "'alphabet', 3, 2 -> ph",
        substring_kernel,
    ),
    row(
        "3060 left(text, int4) text",
        _left,
        "The first characters.",
        "'abcde', 2 -> ab",
        LEFT,
    ),
    row(
        "3061 right(text, int4) text",
        _right,
        "The last characters.",
        "'abcde', 2 -> de",
        RIGHT,
    ),
    row(
        "873 lpad(text, int4, text) text",
        _lpad,
        "Fills on the left to a length.",
        "'hi', 5, 'xy' -> xyxhi",
        LPAD,
    ),
    row(
        "879 lpad(text, int4) text",
        _lpad,
        "Fills with blanks on the left.",
        "'hi', 5 ->    hi",
        LPAD,
    ),
    row(
        "874 rpad(text, int4, text) text",
        _rpad,
        "Fills on the right to a length.",
        "'hi', 5, 'xy' -> hixyx",
        RPAD,
    ),
    row(
        "880 rpad(text, int4) text",
        _rpad,
        "Fills with blanks on the right.",
        "'hi', 5 -> hi   ",
        RPAD,
    ),
    row(
        "1622 repeat(text, int4) text",
        _repeat,
        "The text many times.",
        "'Pg', 4 -> PgPgPgPg",
        REPEAT,
    ),
    row(
        "3062 reverse(text) text",
        lambda text: text[::-1],
        "Characters from last to first.",
        "'abcde' -> edcba",
        REVERSE,
    ),
    row(
        "2087 replace(text, text, text) text",
        replace,
        "Every occurrence replaced.",
        "'abcdef', 'cd', 'XX' -> abXXef",
        replace_kernel,
    ),
    row(
        "878 translate(text, text, text) text",
        _translate,
        "Characters exchanged one by one.",
        "'12345', '143', 'ax' -> a2x5",
        TRANSLATE,
    ),
    row("868 strpos(text, text) int4", _position, *_POSITION),
    row("849 position(text, text) int4", _position, *_POSITION),
    row(
        "1405 overlay(text, text, int4) text",
        _overlay,
        "Overwrites from a position.",
        "'Txxxxas', 'hom', 2 -> Thomxas",
        OVERLAY,
    ),
    row(
        "1404 overlay(text, text, int4, int4) text",
        _overlay,
        "Overwrites from a position, for a length.",
        "'Txxxxas', 'hom', 2, 4 -> Thomas",
        OVERLAY,
    ),
    row(
        "2088 split_part(text, text, int4) text",
        _split_part,
        "One of the parts between separators.",
        "'a~b~c', '~', 2 -> b",
        split_part_kernel,
    ),
    row(
        "3696 starts_with(text, text) bool",
        _starts_with,
        "Whether it begins with a prefix.",
        "'alphabet', 'alph' -> t",
        STARTS_WITH,
    ),
    row(
        "884 btrim(text, text) text",
        _BTRIM,
        "Cuts characters at both ends.",
        "'xyxtrimyyx', 'xyz' -> trim",
        BTRIM,
    ),
    row(
        "885 btrim(text) text",
        _BTRIM,
        "Cuts blanks at both ends.",
        "'  trim  ' -> trim",
        BTRIM,
    ),
    row(
        "875 ltrim(text, text) text",
        _LTRIM,
        "Cuts characters at the start.",
        "'zzzytest', 'xyz' -> test",
        LTRIM,
    ),
    row(
        "881 ltrim(text) text",
        _LTRIM,
        "Cuts blanks at the start.",
        "'  trim' -> trim",
        LTRIM,
    ),
    row(
        "876 rtrim(text, text) text",
        _RTRIM,
        "Cuts characters at the end.",
        "'testxxzx', 'xyz' -> test",
        RTRIM,
    ),
    row("882 rtrim(text) text", _RTRIM, "Cuts blanks at the end.", "'trim  ' -> trim", RTRIM),
    row("1620 ascii(text) int4", _ascii, "Code of the first character.", "'x' -> 120", FIRST_CODE),
    row("1621 chr(int4) text", _chr, "The character of a code.", "65 -> A"),
    row(
        "2311 md5(text) text",
        _md5,
        "MD5 hash in hexadecimal.",
        "'abc' -> 900150983cd24fb0d6963f7d28e17f72",
        MD5,
    ),
    row(
        "1282 quote_ident(text) text",
        quote_identifier,
        "As an SQL identifier.",
        "'Foo bar' -> \"Foo bar\"",
    ),
    row(
        "2089 to_hex(int4) text",
        lambda number: f"{number & 0xFFFFFFFF:x}",
        "Hexadecimal digits.",
        "2147483647 -> 7fffffff",
    ),
    row(
        "2090 to_hex(int8) text",
        lambda number: f"{number & 0xFFFFFFFFFFFFFFFF:x}",
        "Hexadecimal digits.",
        "-1 -> ffffffffffffffff",
    ),
    row(
        "4350 normalize(text, text = 'NFC'::text) text",
        _normalize,
        "Unicode normalization.",
        "'a', 'NFC' -> a",
    ),
    row(
        "4351 is_normalized(text, text = 'NFC'::text) bool",
        _is_normalized,
        "Whether it is normalized.",
        "'a', 'NFC' -> t",
    ),
    row(
        "6198 unistr(text) text", _unistr, "Decodes Unicode escapes.", r"'d\0061t\+000061' -> data"
    ),
    row(
        "401 text(bpchar) text",
        _rtrim_blanks,
        "A bpchar without its blanks.",
        "'ab  ' -> ab",
        rtrim_blanks_kernel,
    ),
    row("406 text(name) text", _same, "A name as text.", "'ab' -> ab"),
    row(
        "946 text(char) text",
        lambda value: format_char(value, PLAIN_STYLE),
        "A character as text.",
        "'a' -> a",
    ),
    row(
        "2971 text(bool) text",
        lambda value: "true" if value else "false",
        "true or false.",
        "true -> true",
    ),
    row("407 name(text) name", cut_name, "A text as a name.", "'ab' -> ab"),
    row("1400 name(varchar) name", cut_name, "A text as a name.", "'ab' -> ab"),
    row(
        "409 name(bpchar) name",
        lambda text: cut_name(text.rstrip(" ")),
        "A bpchar as a name.",
        "'ab ' -> ab",
    ),
    row("1401 varchar(name) varchar", _same, "A name as varchar.", "'ab' -> ab"),
    row("408 bpchar(name) bpchar", _same, "A name as bpchar.", "'ab' -> ab"),
    row("860 bpchar(char) bpchar", _same, "A character as bpchar.", "'a' -> a"),
    row("944 char(text) char", _first_character, "The first character.", "'abc' -> a"),
    row("78 char(int4) char", _to_char_type, "The character of a code.", "65 -> A"),
    row(
        "77 int4(char) int4",
        lambda text: ((ord(text) + 128) % 256 - 128) if text else 0,
        "The code of a character.",
        "'A' -> 65",
    ),
    row(
        "669 varchar(varchar, int4, bool) varchar context beside",
        _pad_to,
        "Applies a length.",
        "'abcdef', 7, true -> abc",
    ),
    row(
        "668 bpchar(bpchar, int4, bool) bpchar context beside",
        _pad_to,
        "Applies a length.",
        "'abcdef', 7, true -> abc",
    ),
)
