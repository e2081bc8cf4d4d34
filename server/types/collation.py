"""Collations: types whose values are ordered by the rules of a language.

Rule 1: the order of a type's values is the order of the type, so an expression under such a collation has a type of its
        own, which is the same in all but its order. Whoever sorts, groups, hashes or makes keys needs to know no more.
Rule 2: the collations of the C library order by bytes, as the types themselves do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.types.array import array_codecs
from server.types.icu import Collator, collator
from server.types.type import Type, TypeReference

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_OID: Final = 100
C_OIDS: Final = frozenset((950, 951))
TYPES_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class CollationRules:
    """What a collation says: its name, of ICU's its locale, and whether equal texts may differ."""

    oid: int
    name: str
    locale: str | None = None
    deterministic: bool = True

    @property
    def collator(self) -> Collator | None:
        """What orders texts under it; None: their bytes."""
        return None if self.locale is None else collator(self.locale, self.deterministic)

    @property
    def is_ascii(self) -> bool:
        """Whether only ASCII letters have a case under it."""
        return self.oid in C_OIDS

    @property
    def is_plain(self) -> bool:
        """Whether everything under it is as it is without."""
        return self.locale is None and not self.is_ascii


def collated(kind: Type, order: Collator | None) -> Type:
    """The type whose values are in this order; None: in that of their bytes."""
    plain = kind.uncollated or kind
    return plain if order is None or not plain.collation else _ordered(plain, order)


@lru_cache(TYPES_KEPT)
def _ordered(plain: Type, order: Collator) -> Type:
    changes: dict[str, Any] = {"collator": order, "uncollated": plain}
    element = plain_element(plain)
    if element is not None:
        codecs = array_codecs(_ordered(element, order))
        return replace(
            plain, **changes, **{name: codecs[name] for name in ("sort_key", "key_value")}
        )
    key = _text_key(plain, order)
    return replace(plain, **changes, sort_key=key, key_value=key)


def plain_element(kind: Type) -> Type | None:
    """The type of an array's elements, if it is the array of a collatable type that is built in."""
    from server.types.registry import TYPE_BY_OID

    found = TYPE_BY_OID.get(kind.element_oid) if kind.category == "A" else None
    return found if found is not None and found.collation else None


def _text_key(plain: Type, order: Collator) -> Callable[[Any], bytes]:
    own = plain.sort_key
    if own is None:
        return order.sort_key
    return lambda value: order.sort_key(own(value))


def under(reference: TypeReference, rules: CollationRules) -> TypeReference:
    """The type under a collation."""
    return TypeReference(collated(reference.type, rules.collator), reference.modifier, rules.oid)
