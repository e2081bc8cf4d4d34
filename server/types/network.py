"""inet, cidr, macaddr, macaddr8: network and hardware addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from server.errors import (
    InvalidBinaryRepresentation,
    InvalidTextRepresentation,
    NumericValueOutOfRange,
)
from server.types.errors import incorrect_format, insufficient_data, invalid_syntax
from server.types.facts import define
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from server.types.type import TextStyle, Type


class Inet(NamedTuple):
    """An address of 4 or 16 bytes, and how many of its bits are the network's."""

    address: bytes
    bits: int


FAMILY_OF: Final = {4: 2, 16: 3}  # as on the wire, by the length of the address
LENGTH_OF: Final = {2: 4, 3: 16}
IPV4: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(?:/([0-9]{1,3}))?")
HEXADECIMAL: Final = re.compile(r"0[xX]([0-9a-fA-F]{1,8})(?:/([0-9]{1,3}))?")
IPV6: Final = re.compile(r"([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)(?:/([0-9]{1,3}))?")
CLASS_BITS: Final = ((240, 32), (224, 8), (192, 24), (128, 16), (0, 8))
"""Networks without a mask have the bits of their class, by the first byte."""


def parse_inet(text: str, _modifier: int, _style: TextStyle) -> Inet:
    """Read a host address, its network's bits behind a slash or not."""
    return _parse(text, "inet")


def parse_cidr(text: str, _modifier: int, _style: TextStyle) -> Inet:
    """Read a network; bytes at the end may be left out, and no bit may be set behind the mask."""
    return _checked_network(_parse(text, "cidr"), text)


def _checked_network(value: Inet, text: str) -> Inet:
    if masked(value) != value.address:
        raise InvalidTextRepresentation(
            f'invalid cidr value: "{text}"', detail="Value has bits set to right of mask."
        )
    return value


def _parse(text: str, sql_name: str) -> Inet:
    """Read an address; bytes at the end of a network's may be left out."""
    hexadecimal = HEXADECIMAL.fullmatch(text) if sql_name == "cidr" else None
    if match := hexadecimal or IPV4.fullmatch(text):
        octets = (
            list(bytes.fromhex(match[1] + "0" * (len(match[1]) % 2)))
            if hexadecimal
            else [int(octet) for octet in match[1].split(".")]
        )
        if max(octets) > 255:
            raise invalid_syntax(sql_name, text)
        address = bytes(octets).ljust(4, b"\0")
        default = 32 if sql_name == "inet" else _class_bits(octets)
        bits = default if match[2] is None else int(match[2])
        if sql_name == "inet" and bits // 8 > len(octets):
            raise invalid_syntax(sql_name, text)
    elif match := IPV6.fullmatch(text):
        try:
            address = ipaddress.IPv6Address(match[1]).packed
        except ValueError:
            raise invalid_syntax(sql_name, text) from None
        bits = 128 if match[2] is None else int(match[2])
    else:
        raise invalid_syntax(sql_name, text)
    if bits > len(address) * 8:
        raise invalid_syntax(sql_name, text)
    return Inet(address, bits)


def _class_bits(octets: list[int]) -> int:
    bits = next(bits for first, bits in CLASS_BITS if octets[0] >= first)
    bits = max(bits, len(octets) * 8)
    return 4 if octets == [224] else bits


def masked(value: Inet) -> bytes:
    """Give the address with the host's bits cleared."""
    size = len(value.address)
    host_bits = size * 8 - value.bits
    number = int.from_bytes(value.address) >> host_bits << host_bits
    return number.to_bytes(size)


def address_text(address: bytes) -> str:
    """Write an address; one of version 6 that embeds one of version 4 shows it."""
    if len(address) == 4:
        return ".".join(map(str, address))
    embedded = address_text(address[12:])
    if address[:12] == bytes(10) + b"\xff\xff":
        return f"::ffff:{embedded}"
    if address[:12] == bytes(12) and address[12:14] != bytes(2):
        return f"::{embedded}"
    return str(ipaddress.IPv6Address(address))


def format_inet(value: Inet, _style: TextStyle) -> str:
    """Write the address, and the bits unless all are the network's."""
    text = address_text(value.address)
    return text if value.bits == len(value.address) * 8 else f"{text}/{value.bits}"


def format_cidr(value: Inet, _style: TextStyle) -> str:
    """Write the address and the bits."""
    return f"{address_text(value.address)}/{value.bits}"


def _send(value: Inet, is_cidr: bool) -> bytes:
    size = len(value.address)
    return bytes([FAMILY_OF[size], value.bits, is_cidr, size]) + value.address


def _receive(data: bytes, sql_name: str) -> Inet:
    if len(data) < 4:
        raise insufficient_data()
    family, bits, _, size = data[:4]
    if LENGTH_OF.get(family) != size:
        what = "length" if family in LENGTH_OF else "address family"
        raise InvalidBinaryRepresentation(f'invalid {what} in external "{sql_name}" value')
    if bits > size * 8:
        raise InvalidBinaryRepresentation(f'invalid bits in external "{sql_name}" value')
    if len(data) < 4 + size:
        raise insufficient_data()
    if len(data) > 4 + size:
        raise incorrect_format()
    value = Inet(data[4:], bits)
    if sql_name == "cidr" and masked(value) != value.address:
        raise InvalidBinaryRepresentation(
            'invalid external "cidr" value', detail="Value has bits set to right of mask."
        )
    return value


def sort_key(value: Inet) -> tuple[int, bytes, int, bytes]:
    """Order by version, network, bits and host."""
    return len(value.address), masked(value), value.bits, value.address


def _key_value(value: Inet) -> bytes:
    size, network, bits, address = sort_key(value)
    return bytes([size]) + network + bytes([bits]) + address


def _define_network(name: str, parse: Any, format_value: Any) -> Type:
    is_cidr = name == "cidr"
    return define(
        name,
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse,
        format=format_value,
        receive=lambda data, _modifier: _receive(data, name),
        send=lambda value: _send(value, is_cidr),
        store_value=lambda value, _modifier: bytes([value.bits]) + value.address,
        load_value=lambda stored, _modifier: Inet(stored[1:], stored[0]),
        sort_key=sort_key,
        key_value=_key_value,
    )


_ONE: Final = r"\s*([+-]?(?:0[xX][0-9a-fA-F]*+|[0-9a-fA-F]++))"
_TWO: Final = r"\s*([+-][0-9a-fA-F]|0[xX]|[0-9a-fA-F]{1,2}+)"
"""As scanf reads numbers: as many digits as there are, none of them given back, and a sign is one place."""
MAC_FORMS: Final = tuple(
    re.compile(rf"\s*{form}\s*")
    for form in (
        ":".join([_ONE] * 6),
        "-".join([_ONE] * 6),
        _TWO * 3 + ":" + _TWO * 3,
        _TWO * 3 + "-" + _TWO * 3,
        r"\.".join([_TWO * 2] * 3),
        "-".join([_TWO * 2] * 3),
        _TWO * 6,
    )
)
MAC8: Final = re.compile(r"\s*[0-9a-fA-F]{2}(?:[:.-]?[0-9a-fA-F]{2}){5,7}\s*")


def parse_macaddr(text: str, _modifier: int, _style: TextStyle) -> bytes:
    """Read six bytes in one of seven ways of grouping them."""
    for form in MAC_FORMS:
        match = form.fullmatch(text)
        if match is not None:
            octets = [_octet(digits) for digits in match.groups()]
            if max(octets) > 255:
                raise NumericValueOutOfRange(f'invalid octet value in "macaddr" value: "{text}"')
            return bytes(octets)
    raise invalid_syntax("macaddr", text)


def _octet(digits: str) -> int:
    """The number as scanf keeps it: 32 bits of one that has at most 64."""
    number = int(digits.rstrip("xX"), 16)
    return (number if abs(number) < 1 << 64 else -1) % (1 << 32)


def parse_macaddr8(text: str, _modifier: int, _style: TextStyle) -> bytes:
    """Read eight bytes, or six between which ff:fe is put."""
    digits = re.sub(r"[^0-9a-fA-F]", "", text)
    separators = set(text) & set(":.-")
    if MAC8.fullmatch(text) is None or len(digits) == 14 or len(separators) > 1:
        raise invalid_syntax("macaddr8", text)
    octets = bytes.fromhex(digits)
    return octets if len(octets) == 8 else octets[:3] + b"\xff\xfe" + octets[3:]


def format_macaddr(value: bytes, _style: TextStyle) -> str:
    """Write the bytes with colons between them."""
    return value.hex(":")


def _receive_macaddr(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise insufficient_data()
    if len(data) > size:
        raise incorrect_format()
    return data


def _define_macaddr(name: str, parse: Any, size: int) -> Type:
    return define(
        name,
        dtype=OBJECTS,
        storage_kind="BYTES",
        parse=parse,
        format=format_macaddr,
        receive=lambda data, _modifier: _receive_macaddr(data, size),
        send=bytes,
    )


NETWORK_TYPES: Final = (
    _define_network("inet", parse_inet, format_inet),
    _define_network("cidr", parse_cidr, format_cidr),
    _define_macaddr("macaddr", parse_macaddr, 6),
    _define_macaddr("macaddr8", parse_macaddr8, 8),
)
