"""inet, cidr, macaddr and macaddr8: parts of addresses, networks, bits and arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.errors import InvalidParameterValue, NumericValueOutOfRange
from server.functions.declare import Behaviour, row, table
from server.types.network import Inet, address_text, format_cidr, masked, sort_key
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILY_OF: Final = {4: 4, 16: 6}
INT8_LIMIT: Final = 1 << 63
EMBEDDED_FROM, LAST = 6, 7  # words of an address of version 6
BITS_OF_15: Final = 120


def _size(value: Inet) -> int:
    return len(value.address) * 8


def _number(value: Inet) -> int:
    return int.from_bytes(value.address)


def _made(number: int, like: Inet, bits: int) -> Inet:
    return Inet(number.to_bytes(len(like.address)), bits)


def _host_mask(value: Inet) -> int:
    return (1 << (_size(value) - value.bits)) - 1


def _network(value: Inet) -> Inet:
    return Inet(masked(value), value.bits)


def _net_mask(value: Inet) -> Inet:
    every = (1 << _size(value)) - 1
    return _made(every ^ _host_mask(value), value, _size(value))


def _broadcast(value: Inet) -> Inet:
    return _made(_number(value) | _host_mask(value), value, value.bits)


def _host(value: Inet) -> str:
    return address_text(value.address)


def _abbreviated_inet(value: Inet) -> str:
    text = address_text(value.address)
    return text if value.bits == _size(value) else f"{text}/{value.bits}"


def _abbreviated_cidr(value: Inet) -> str:
    """The network with as few bytes as its bits need."""
    if len(value.address) == 16:
        return _abbreviated_network6(value)
    count = max(-(-value.bits // 8), 1)
    return ".".join(map(str, value.address[:count])) + f"/{value.bits}"


def _abbreviated_network6(value: Inet) -> str:
    """The words that the bits need, the longest run of zeros among them left out."""
    if not value.bits:
        return "::/0"
    network = masked(value)
    count = max(-(-value.bits // 16), 2)
    numbers = [int.from_bytes(network[at : at + 2]) for at in range(0, count * 2, 2)]
    start, length = _longest_zeros(numbers)
    embeds = _embeds(network, start, length, count)
    text = ""
    for position, number in enumerate(numbers):
        if start <= position < start + length:
            text += ":" * ((position == start) + (position == count - 1))
        elif embeds and position >= EMBEDDED_FROM:
            text += ":" if position == EMBEDDED_FROM else "."
            text += str(number >> 8)
            text += f".{number & 255}" if position < LAST or value.bits > BITS_OF_15 else ""
        else:
            text += (":" if text else "") + f"{number:x}"
    return f"{text}/{value.bits}"


def _embeds(network: bytes, start: int, length: int, count: int) -> bool:
    """Whether an address of version 4 is shown at the end."""
    if start or length == count:
        return False
    return (
        length == 6
        or (length == 5 and network[10:12] == b"\xff\xff")
        or (length == 7 and network[14] != 0 and network[15] != 1)
    )


def _longest_zeros(numbers: list[int]) -> tuple[int, int]:
    """Where the longest run of zeros starts and how long it is.

    As in PostgreSQL, zeros behind a run that was not longer than an earlier one count with it.
    """
    start = length = run_start = run_length = 0
    for position, number in enumerate([*numbers, 1]):
        if number == 0:
            run_start = run_start if run_length else position
            run_length += 1
        elif run_length > length:
            start, length, run_length = run_start, run_length, 0
    return start, length


def _with_bits(value: Inet, bits: int) -> int:
    if bits == -1:
        return _size(value)
    if not 0 <= bits <= _size(value):
        raise InvalidParameterValue(f"invalid mask length: {bits}")
    return bits


def _set_mask(value: Inet, bits: int) -> Inet:
    return Inet(value.address, _with_bits(value, bits))


def _set_cidr_mask(value: Inet, bits: int) -> Inet:
    return _network(Inet(value.address, _with_bits(value, bits)))


def _is_inside(inner: Inet, outer: Inet, least: int) -> bool:
    """Whether the network is part of the other, its mask longer by at least so many bits."""
    if len(inner.address) != len(outer.address) or inner.bits < outer.bits + least:
        return False
    return masked(Inet(inner.address, outer.bits)) == masked(outer)


def _overlaps(left: Inet, right: Inet) -> bool:
    bits = min(left.bits, right.bits)
    return len(left.address) == len(right.address) and (
        masked(Inet(left.address, bits)) == masked(Inet(right.address, bits))
    )


def _paired(word: str, combine: Callable[[int, int], int]) -> Callable[[Inet, Inet], Inet]:
    def compute(left: Inet, right: Inet) -> Inet:
        if len(left.address) != len(right.address):
            raise InvalidParameterValue(f"cannot {word} inet values of different sizes")
        return _made(combine(_number(left), _number(right)), left, max(left.bits, right.bits))

    return compute


def _not(value: Inet) -> Inet:
    return _made(_number(value) ^ ((1 << _size(value)) - 1), value, value.bits)


def _negated(count: int) -> int:
    """The count with the other sign; the least one has no other, as in PostgreSQL."""
    return -count if count > -(1 << 63) else count


def _plus(value: Inet, count: int) -> Inet:
    number = _number(value) + count
    if count == INT8_LIMIT:  # the negative of the least number, which has none
        raise NumericValueOutOfRange("result is out of range")
    if not 0 <= number < 1 << _size(value):
        raise NumericValueOutOfRange("result is out of range")
    return _made(number, value, value.bits)


def _difference(left: Inet, right: Inet) -> int:
    if len(left.address) != len(right.address):
        raise InvalidParameterValue("cannot subtract inet values of different sizes")
    half = 1 << 127  # behind the last address of version 6 is the first
    number = (_number(left) - _number(right) + half) % (2 * half) - half
    if not -INT8_LIMIT <= number < INT8_LIMIT:
        raise NumericValueOutOfRange("result is out of range")
    return number


def _merge(left: Inet, right: Inet) -> Inet:
    if len(left.address) != len(right.address):
        raise InvalidParameterValue("cannot merge addresses from different families")
    bits = min(left.bits, right.bits)
    different = (_number(left) ^ _number(right)) >> (_size(left) - bits)
    common = bits - different.bit_length()
    return _network(Inet(left.address, common))


# Hardware addresses.


def _octets(combine: Callable[[int, int], int]) -> Callable[[bytes, bytes], bytes]:
    return lambda left, right: bytes(map(combine, left, right))


def _shortened(value: bytes) -> bytes:
    if value[3:5] != b"\xff\xfe":
        raise NumericValueOutOfRange(
            "macaddr8 data out of range to convert to macaddr",
            hint="Only addresses that have FF and FE as values in the 4th and 5th bytes from the "
            "left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from "
            "macaddr8 to macaddr.",
        )
    return value[:3] + value[5:]


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "abbreviated": (
        "The address, and its mask if it is none of one host.",
        _abbreviated_inet,
        None,
    ),
    "abbreviated network": ("The network as short as can be.", _abbreviated_cidr, None),
    "set mask": ("With another mask.", _set_mask, None),
    "set network mask": ("With another mask.", _set_cidr_mask, None),
    "network": ("The network of the address.", _network, None),
    "netmask": ("The mask of the network.", _net_mask, None),
    "masklen": ("How many bits are the network's.", lambda value: value.bits, None),
    "broadcast": ("The last address of the network.", _broadcast, None),
    "host": ("The address alone.", _host, None),
    "family": ("4 or 6.", lambda value: FAMILY_OF[len(value.address)], None),
    "show": ("The address with its mask.", lambda value: format_cidr(value, PLAIN_STYLE), None),
    "hostmask": (
        "The bits that are the host's.",
        lambda value: _made(_host_mask(value), value, _size(value)),
        None,
    ),
    "sub": ("Whether it is a part of the other.", lambda a, b: _is_inside(a, b, 1), None),
    "subeq": (
        "Whether it is a part of the other, or all of it.",
        lambda a, b: _is_inside(a, b, 0),
        None,
    ),
    "sup": ("Whether the other is a part of it.", lambda a, b: _is_inside(b, a, 1), None),
    "supeq": (
        "Whether the other is a part of it, or all of it.",
        lambda a, b: _is_inside(b, a, 0),
        None,
    ),
    "overlap": ("Whether one is a part of the other.", _overlaps, None),
    "larger": ("The greater one.", lambda a, b: max(a, b, key=sort_key), None),
    "smaller": ("The lesser one.", lambda a, b: min(a, b, key=sort_key), None),
    "not": ("Every bit turned.", _not, None),
    "and": ("Bits that are set in both.", _paired("AND", int.__and__), None),
    "or": ("Bits that are set in any.", _paired("OR", int.__or__), None),
    "plus": ("The address so many further on.", _plus, None),
    "of plus": ("The address so many further on.", lambda count, a: _plus(a, count), None),
    "minus count": (
        "The address so many before.",
        lambda a, count: _plus(a, _negated(count)),
        None,
    ),
    "minus": ("How many addresses lie between.", _difference, None),
    "merge": ("The smallest network that has both.", _merge, None),
    "same family": (
        "Whether both are of one version.",
        lambda a, b: len(a.address) == len(b.address),
        None,
    ),
    "octets not": ("Every bit turned.", lambda value: bytes(255 - each for each in value), None),
    "octets and": ("Bits that are set in both.", _octets(int.__and__), None),
    "octets or": ("Bits that are set in any.", _octets(int.__or__), None),
    "octets cmp": (
        "-1, 0 or 1 as it is less, equal or greater.",
        lambda a, b: (a > b) - (a < b),
        None,
    ),
    "maker": (
        "The address with only its maker's bytes.",
        lambda value: value[:3] + bytes(len(value) - 3),
        None,
    ),
    "lengthen": ("The address of eight bytes.", lambda a: a[:3] + b"\xff\xfe" + a[3:], None),
    "shorten": ("The address of six bytes.", _shortened, None),
    "local": (
        "The address with its seventh bit set.",
        lambda value: bytes([value[0] | 2]) + value[1:],
        None,
    ),
}
TABLE: Final = """
598 abbrev(inet) text | abbreviated | '10.1.0.0/32' -> 10.1.0.0
599 abbrev(cidr) text | abbreviated network | '10.1.0.0/16' -> 10.1/16
605 set_masklen(inet, int4) inet | set mask | '192.168.1.5/24', 16 -> 192.168.1.5/16
635 set_masklen(cidr, int4) cidr | set network mask | '192.168.1.0/24', 16 -> 192.168.0.0/16
683 network(inet) cidr | network | '192.168.1.5/24' -> 192.168.1.0/24
696 netmask(inet) inet | netmask | '192.168.1.5/24' -> 255.255.255.0
697 masklen(inet) int4 | masklen | '192.168.1.5/24' -> 24
698 broadcast(inet) inet | broadcast | '192.168.1.5/24' -> 192.168.1.255/24
699 host(inet) text | host | '192.168.1.5/24' -> 192.168.1.5
711 family(inet) int4 | family | '::1' -> 6
730 text(inet) text | show | '192.168.1.5' -> 192.168.1.5/32
1362 hostmask(inet) inet | hostmask | '192.168.23.20/30' -> 0.0.0.3
927 network_sub(inet, inet) bool | sub | '192.168.1.5', '192.168.1/24' -> t
928 network_subeq(inet, inet) bool | subeq | '192.168.1/24', '192.168.1/24' -> t
929 network_sup(inet, inet) bool | sup | '192.168.1/24', '192.168.1.5' -> t
930 network_supeq(inet, inet) bool | supeq | '192.168.1/24', '192.168.1/24' -> t
3551 network_overlap(inet, inet) bool | overlap | '192.168.1/24', '192.168.1.80/28' -> t
3562 network_larger(inet, inet) inet | larger | '10.0.0.1', '10.0.0.2' -> 10.0.0.2
3563 network_smaller(inet, inet) inet | smaller | '10.0.0.1', '10.0.0.2' -> 10.0.0.1
2627 inetnot(inet) inet | not | '192.168.1.6' -> 63.87.254.249
2628 inetand(inet, inet) inet | and | '192.168.1.6', '0.0.0.255' -> 0.0.0.6
2629 inetor(inet, inet) inet | or | '192.168.1.6', '0.0.0.255' -> 192.168.1.255
2630 inetpl(inet, int8) inet | plus | '192.168.1.6', 25 -> 192.168.1.31
2631 int8pl_inet(int8, inet) inet | of plus | 25, '192.168.1.6' -> 192.168.1.31
2632 inetmi_int8(inet, int8) inet | minus count | '192.168.1.43', 36 -> 192.168.1.7
2633 inetmi(inet, inet) int8 | minus | '192.168.1.43', '192.168.1.19' -> 24
1715 cidr(inet) cidr | network | '192.168.1.5/24' -> 192.168.1.0/24
4063 inet_merge(inet, inet) cidr | merge | '192.168.1.5/24', '192.168.2.5/24' -> 192.168.0.0/22
4071 inet_same_family(inet, inet) bool | same family | '192.168.1.5/24', '::1' -> f
753 trunc(macaddr) macaddr | maker | '12:34:56:78:90:ab' -> 12:34:56:00:00:00
836 macaddr_cmp(macaddr, macaddr) int4 | octets cmp | '12:34:56:78:90:ab', '12:34:56:78:90:ac' -> -1
3144 macaddr_not(macaddr) macaddr | octets not | '00:00:00:00:00:ff' -> ff:ff:ff:ff:ff:00
3145 macaddr_and(macaddr, macaddr) macaddr | octets and | '08:00:2b:01:02:03', '00:00:00:ff:ff:ff' -> 00:00:00:01:02:03
3146 macaddr_or(macaddr, macaddr) macaddr | octets or | '08:00:2b:01:02:03', '00:00:00:00:00:ff' -> 08:00:2b:01:02:ff
4112 trunc(macaddr8) macaddr8 | maker | '12:34:56:78:90:ab:cd:ef' -> 12:34:56:00:00:00:00:00
4119 macaddr8_cmp(macaddr8, macaddr8) int4 | octets cmp | '08002b0102030405', '08002b0102030404' -> 1
4120 macaddr8_not(macaddr8) macaddr8 | octets not | '00000000000000ff' -> ff:ff:ff:ff:ff:ff:ff:00
4123 macaddr8(macaddr) macaddr8 | lengthen | '08:00:2b:01:02:03' -> 08:00:2b:ff:fe:01:02:03
4124 macaddr(macaddr8) macaddr | shorten | '08:00:2b:ff:fe:01:02:03' -> 08:00:2b:01:02:03
4125 macaddr8_set7bit(macaddr8) macaddr8 | local | '00:34:56:ab:cd:ef' -> 02:34:56:ff:fe:ab:cd:ef
"""
FUNCTIONS: Final = (
    *table(TABLE, BEHAVIOURS),
    row(
        "4121 macaddr8_and(macaddr8, macaddr8) macaddr8",
        _octets(int.__and__),
        "Bits that are set in both.",
        "'08002b0102030405', 'ff00000000000000' -> 08:00:00:00:00:00:00:00",
    ),
    row(
        "4122 macaddr8_or(macaddr8, macaddr8) macaddr8",
        _octets(int.__or__),
        "Bits that are set in any.",
        "'08002b0102030405', '00000000000000ff' -> 08:00:2b:01:02:03:04:ff",
    ),
)
