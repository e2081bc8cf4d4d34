"""pg_hba.conf: who may log in from where and how. The manual's section "The pg_hba.conf File".

    TYPE    DATABASE  USER  ADDRESS        METHOD
    host    all       all   127.0.0.1/32   trust

Rule 1: the first line that fits decides; no line, no login.
Rule 2: a file that cannot be read stops the start and leaves a running server on its old rules at a reload.
"""

from __future__ import annotations

import ipaddress
import shlex
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS = ("trust", "reject", "scram-sha-256", "md5", "password")
TYPES = ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

TRUST_LOCAL = """\
# TYPE  DATABASE  USER  ADDRESS         METHOD
local   all       all                   trust
host    all       all   127.0.0.1/32    trust
host    all       all   ::1/128         trust
"""


class HbaError(Exception):
    """A line that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. networks empty: any address."""

    type: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    networks: tuple[Network, ...]
    method: str
    line_no: int

    def fits(self, *, database: str, user: str, address: str, tls: bool) -> bool:
        """Whether the rule is about this login."""
        return (
            self._fits_connection(address, tls)
            and _listed(self.databases, database, user)
            and ("all" in self.users or user in self.users)
        )

    def _fits_connection(self, address: str, tls: bool) -> bool:
        if self.type == "local":
            return not address
        if not address or self.type == "hostgssenc":
            return False
        if self.type in ("hostssl", "hostnossl") and tls != (self.type == "hostssl"):
            return False
        found = _parsed(address)
        return not self.networks or any(found in network for network in self.networks)


@lru_cache(maxsize=256)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address)


def _listed(names: tuple[str, ...], database: str, user: str) -> bool:
    if "all" in names or database in names:
        return True
    return "sameuser" in names and database == user


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a file; raises HbaError with the line."""
    rules = []
    for line_no, line in enumerate(text.splitlines(), 1):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            fields = list(lexer)
        except ValueError as error:
            raise HbaError(f"line {line_no}: unterminated quoted string") from error
        if fields:
            rules.append(_rule(fields, line_no))
    return tuple(rules)


def _rule(fields: Sequence[str], line_no: int) -> Rule:
    kind = fields[0]
    if kind not in TYPES:
        raise HbaError(f'line {line_no}: invalid connection type "{kind}"')
    needed = 4 if kind == "local" else 5
    if len(fields) < needed:
        raise HbaError(f"line {line_no}: end-of-line before authentication method")
    rest = list(fields[1:])
    databases, users = rest.pop(0).split(","), rest.pop(0).split(",")
    networks = () if kind == "local" else _networks(rest, line_no)
    if not rest:
        raise HbaError(f"line {line_no}: end-of-line before authentication method")
    method = rest.pop(0)
    if method not in METHODS:
        raise HbaError(f'line {line_no}: authentication method "{method}" is not supported')
    return Rule(kind, tuple(databases), tuple(users), networks, method, line_no)


def _networks(rest: list[str], line_no: int) -> tuple[Network, ...]:
    address = rest.pop(0)
    if address == "all":
        return ()
    if address in ("samehost", "samenet"):
        return (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    try:
        if "/" not in address and address != "localhost":
            address = f"{address}/{rest.pop(0)}"
        if address == "localhost":
            return (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))
        return (ipaddress.ip_network(address, strict=False),)
    except ValueError as error:
        raise HbaError(f'line {line_no}: invalid IP address "{address}"') from error


def find_rule(
    rules: Sequence[Rule], *, database: str, user: str, address: str, tls: bool
) -> Rule | None:
    """The rule that decides a login."""
    for rule in rules:
        if rule.fits(database=database, user=user, address=address, tls=tls):
            return rule
    return None
