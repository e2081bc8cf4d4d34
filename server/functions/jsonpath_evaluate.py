"""jsonpath evaluated: the items that a path finds in a value.

Rule 1: items are JSON values as Jsonb holds them, and Moments.
Rule 2: predicates are true, false or unknown (None); an error inside one makes it unknown.
Rule 3: in lax mode arrays are unwrapped and scalars wrapped where a step asks for it, and what is
        not there is no error.
Rule 4: PathError is an error that `silent` and predicates hide; any other SqlError goes through.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    InvalidParameterValue,
    SingletonSqlJsonItemRequired,
    SqlError,
    SqlJsonArrayNotFound,
    SqlJsonMemberNotFound,
    SqlJsonNumberNotFound,
    SqlJsonObjectNotFound,
    UndefinedObject,
)
from server.functions import numeric_math as exact
from server.functions.jsonpath_comparison import COMPARE, Truth, compared_as, matches
from server.functions.jsonpath_items import Items, PathError, is_number
from server.functions.jsonpath_methods import METHODS
from server.functions.jsonpath_moments import Moment, comparable_keys
from server.types.jsonpath import ANY_LEVEL, PREDICATES, Chain, JsonPath, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.functions.function import CallContext


class InvalidSubscript(SqlError, sqlstate="22033"):
    """invalid_sql_json_subscript."""


ARITHMETIC: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": exact.add,
    "-": exact.subtract,
    "*": exact.multiply,
    "/": exact.divide,
    "%": exact.remainder,
}
UNKNOWN_VARIABLES: Final = object()
"""Given in the place of variables, each of them is null."""
INTEGER_MAX: Final = (1 << 31) - 1


@dataclass(slots=True)
class Evaluation:
    """One evaluation of a path: what holds where it stands."""

    context: CallContext
    path: JsonPath
    root: Any
    variables: Any
    has_zone: bool
    current: Any = None
    array_size: int = -1  # of the array whose subscript is evaluated: what `last` means
    ignores_structure: bool = False

    def run(self) -> Iterator[Any]:
        """The items that the path finds, one by one up to an error."""
        self.current = self.root
        self.ignores_structure = self.path.is_lax
        return self.step(self.path.chain, 0, self.root, self.path.is_lax)

    # Chains.

    def chain(self, chain: Chain, item: Any) -> Items:
        """The items of a chain, its first step applied to an item."""
        return list(self.step(chain, 0, item, self.path.is_lax))

    def unwrapped(self, chain: Chain, item: Any) -> Items:
        """The items of a chain, arrays taken apart in lax mode."""
        found = self.chain(chain, item)
        if not self.path.is_lax:
            return found
        return [inner for each in found for inner in (each if isinstance(each, list) else [each])]

    def rest(self, chain: Chain, number: int, items: Iterable[Any]) -> Iterator[Any]:
        """What the steps behind one make of the items that it gave."""
        if number + 1 == len(chain):
            yield from items
            return
        for item in items:
            yield from self.step(chain, number + 1, item, self.path.is_lax)

    def step(self, chain: Chain, number: int, item: Any, unwrap: bool) -> Iterator[Any]:
        """What a step and those behind it make of an item."""
        step = chain[number]
        if step.kind in PREDICATES:
            return self.rest(chain, number, [self.truth(step, item)])
        if isinstance(item, list) and unwrap and _unwraps(step):
            return (found for inner in item for found in self.step(chain, number, inner, False))
        if step.kind == "any":
            return self.any_level(chain, number, item)
        evaluate = _STEPS.get(step.kind)
        found = [self.arithmetic(step, item)] if evaluate is None else evaluate(self, step, item)
        return self.rest(chain, number, found)

    # First steps.

    def literal(self, step: Step, _item: Any) -> Items:
        """A literal."""
        return [step.value]

    def variable(self, step: Step, _item: Any) -> Items:
        """A variable."""
        if self.variables is UNKNOWN_VARIABLES:
            return [None]
        if step.value not in self.variables:
            raise UndefinedObject(f'could not find jsonpath variable "{step.value}"')
        return [self.variables[step.value]]

    def root_item(self, _step: Step, _item: Any) -> Items:
        """Give the root."""
        return [self.root]

    def current_item(self, _step: Step, _item: Any) -> Items:
        """Give what a filter looks at."""
        return [self.current]

    def last(self, _step: Step, _item: Any) -> Items:
        """Give the last subscript."""
        return [Decimal(self.array_size - 1)]

    def arithmetic(self, step: Step, item: Any) -> Decimal:
        """An operator of two numbers."""
        operands = []
        for side, chain in zip(("left", "right"), step.arguments, strict=True):
            found = self.unwrapped(chain, item)
            if len(found) != 1 or not is_number(found[0]):
                raise PathError(
                    SingletonSqlJsonItemRequired(
                        f"{side} operand of jsonpath operator {step.kind} is not a single numeric "
                        "value"
                    )
                )
            operands.append(found[0])
        try:
            return ARITHMETIC[step.kind](*operands)
        except SqlError as error:
            raise PathError(error) from None

    def signed(self, step: Step, item: Any) -> Iterator[Any]:
        """Numbers with a sign."""
        for each in self.unwrapped(step.arguments[0], item):
            if not is_number(each):
                raise PathError(
                    SqlJsonNumberNotFound(
                        f"operand of unary jsonpath operator {step.kind[-1]} is not a numeric value"
                    )
                )
            yield each if step.kind == "unary +" else exact.negate(each)

    # Accessors.

    def filter(self, step: Step, item: Any) -> Items:
        """Keep the item if the predicate holds."""
        before, self.current = self.current, item
        kept = self.predicate(step.arguments[0], item)
        self.current = before
        return [item] if kept else []

    def key(self, step: Step, item: Any) -> Items:
        """A member by name."""
        if isinstance(item, dict):
            if step.value in item:
                return [item[step.value]]
            if self.ignores_structure:
                return []
            raise PathError(
                SqlJsonMemberNotFound(f'JSON object does not contain key "{step.value}"')
            )
        if self.ignores_structure:
            return []
        raise PathError(
            SqlJsonMemberNotFound("jsonpath member accessor can only be applied to an object")
        )

    def any_key(self, _step: Step, item: Any) -> Items:
        """Every member."""
        if isinstance(item, dict):
            return list(item.values())
        if self.ignores_structure:
            return []
        raise PathError(
            SqlJsonObjectNotFound(
                "jsonpath wildcard member accessor can only be applied to an object"
            )
        )

    def any_array(self, _step: Step, item: Any) -> Items:
        """Every item of an array."""
        if isinstance(item, list):
            return item
        if self.path.is_lax:
            return [item]
        if self.ignores_structure:
            return []
        raise PathError(
            SqlJsonArrayNotFound("jsonpath wildcard array accessor can only be applied to an array")
        )

    def index(self, step: Step, item: Any) -> Items:
        """Items by subscripts."""
        if not isinstance(item, list) and not self.path.is_lax:
            if self.ignores_structure:
                return []
            raise PathError(
                SqlJsonArrayNotFound("jsonpath array accessor can only be applied to an array")
            )
        items = item if isinstance(item, list) else [item]
        before, self.array_size = self.array_size, len(items)
        found: Items = []
        for first, last in step.arguments:
            start = self.subscript(first, item)
            stop = start if last is None else self.subscript(last, item)
            if not self.ignores_structure and not 0 <= start <= stop < len(items):
                raise PathError(InvalidSubscript("jsonpath array subscript is out of bounds"))
            found += items[max(start, 0) : stop + 1] if stop >= 0 else []
        self.array_size = before
        return found

    def subscript(self, chain: Chain, item: Any) -> int:
        """A number that a subscript is."""
        found = self.chain(chain, item)
        if len(found) != 1 or not is_number(found[0]):
            raise PathError(
                InvalidSubscript("jsonpath array subscript is not a single numeric value")
            )
        number = int(found[0])
        if abs(number) > INTEGER_MAX:
            raise PathError(InvalidSubscript("jsonpath array subscript is out of integer range"))
        return number

    def any_level(self, chain: Chain, number: int, item: Any) -> Iterator[Any]:
        """** and what stands behind it; what some level does not have is no error."""
        first, last = chain[number].value
        levels = [item] if first == 0 else []
        levels += _descendants(item, 1, first, last) if last else []
        before, self.ignores_structure = self.ignores_structure, True
        found = list(self.rest(chain, number, levels))
        self.ignores_structure = before
        return iter(found)

    def method(self, step: Step, item: Any) -> Items:
        """A method."""
        return METHODS[step.value](self, step, item)

    # Predicates.

    def predicate(self, chain: Chain, item: Any) -> Truth:
        """Whether a chain that is a predicate holds."""
        return self.truth(chain[0], item)

    def truth(self, step: Step, item: Any) -> Truth:
        """Whether a predicate holds."""
        logical = _LOGICAL.get(step.kind)
        if logical is not None:
            return logical(self, step, item)
        return self.compared(step, item)

    def both(self, step: Step, item: Any) -> Truth:
        """Whether both hold."""
        left = self.predicate(step.arguments[0], item)
        if left is False:
            return False
        right = self.predicate(step.arguments[1], item)
        return right if left or right is False else None

    def either(self, step: Step, item: Any) -> Truth:
        """Whether any holds."""
        left = self.predicate(step.arguments[0], item)
        if left:
            return True
        right = self.predicate(step.arguments[1], item)
        return right if left is False or right else None

    def denied(self, step: Step, item: Any) -> Truth:
        """Whether it does not hold."""
        found = self.predicate(step.arguments[0], item)
        return None if found is None else not found

    def unknown(self, step: Step, item: Any) -> Truth:
        """Whether it is neither true nor false."""
        return self.predicate(step.arguments[0], item) is None

    def exists(self, step: Step, item: Any) -> Truth:
        """Whether a chain finds anything."""
        try:
            return bool(self.chain(step.arguments[0], item))
        except PathError:
            return None

    def compared(self, step: Step, item: Any) -> Truth:
        """A predicate of pairs: true for one is true in lax mode, unknown for one in strict mode."""
        try:
            with self.kept():
                lefts = self.unwrapped(step.arguments[0], item)
                rights = (
                    self.unwrapped(step.arguments[1], item) if len(step.arguments) > 1 else [None]
                )
        except PathError:
            return None
        found, wrong = False, False
        for left in lefts:
            for right in rights:
                holds = self.pair(step, left, right)
                if holds is None:
                    if not self.path.is_lax:
                        return None
                    wrong = True
                elif holds:
                    if self.path.is_lax:
                        return True
                    found = True
        return True if found else None if wrong else False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put back what an error leaves changed."""
        before = self.current, self.array_size, self.ignores_structure
        try:
            yield
        finally:
            self.current, self.array_size, self.ignores_structure = before

    def pair(self, step: Step, left: Any, right: Any) -> Truth:
        """Whether a predicate holds for a pair."""
        if step.kind == "starts with":
            is_text = isinstance(left, str) and isinstance(right, str)
            return left.startswith(right) if is_text else None
        if step.kind == "like_regex":
            return matches(step, left) if isinstance(left, str) else None
        if isinstance(left, Moment) and isinstance(right, Moment):
            keys = comparable_keys(self.context, left, right, self.has_zone)
            return None if keys is None else COMPARE[step.kind](*keys)
        return compared_as(step.kind, left, right)


def _unwraps(step: Step) -> bool:
    """Whether the step looks into an array that it is applied to in lax mode."""
    if step.kind == "method":
        return step.value not in ("type", "size")
    return step.kind in ("key", "any_key", "filter")


def _descendants(item: Any, level: int, first: int, last: int) -> Items:
    """What stands inside an item, on the levels asked for, parents before children."""
    found: Items = []
    inside = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    for each in inside:
        is_leaf = not isinstance(each, dict | list)
        if level >= first or (first == last == ANY_LEVEL and is_leaf):
            found.append(each)
        if level < last:
            found += _descendants(each, level + 1, first, last)
    return found


_STEPS: Final[dict[str, Callable[[Evaluation, Step, Any], Iterable[Any]]]] = {
    "literal": Evaluation.literal,
    "variable": Evaluation.variable,
    "root": Evaluation.root_item,
    "current": Evaluation.current_item,
    "last": Evaluation.last,
    "unary +": Evaluation.signed,
    "unary -": Evaluation.signed,
    "filter": Evaluation.filter,
    "key": Evaluation.key,
    "any_key": Evaluation.any_key,
    "any_array": Evaluation.any_array,
    "index": Evaluation.index,
    "method": Evaluation.method,
}
_LOGICAL: Final[dict[str, Callable[[Evaluation, Step, Any], Truth]]] = {
    "&&": Evaluation.both,
    "||": Evaluation.either,
    "not": Evaluation.denied,
    "unknown": Evaluation.unknown,
    "exists": Evaluation.exists,
}


def find(
    context: CallContext, path: JsonPath, root: Any, variables: Any, has_zone: bool
) -> Iterator[Any]:
    """The items that a path finds in a value, one by one up to an error."""
    if not isinstance(variables, dict) and variables is not UNKNOWN_VARIABLES:
        raise InvalidParameterValue(
            '"vars" argument is not an object',
            detail='Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
        )
    return Evaluation(context, path, root, variables, has_zone).run()
