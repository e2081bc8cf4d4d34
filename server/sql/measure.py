"""How large and how deep a text is, before a parser sees it."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Measure:
    """How large a text is for a parser."""

    token_count: int
    nesting: int


# Strings and comments are skipped whole; what is counted is what can make the tree deeper.
MEASURED: Final = re.compile(
    r"""
      (?P<skip>   '(?:[^'\\]|\\.|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | \$(?:[A-Za-z_]\w*)?\$ )
    | (?P<word>   [^\W\d][\w$]* )
    | (?P<number> \d[\w.]* )
    | (?P<open>   [(\[] )
    | (?P<close>  [)\]] )
    | (?P<comma>  [,;] )
    | (?P<operator> [-+*/<>=~!@\#%^&|`?:.]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
DEEPENING_WORDS: Final = frozenset(
    (
        *("not", "is", "isnull", "notnull", "at", "like", "ilike", "between", "in", "similar"),
        *("overlaps", "escape", "operator", "collate", "case"),
        *("union", "intersect", "except", "select", "join"),
    )
)


def measure(sql: str) -> Measure:
    """Count tokens and bound the depth of the tree from above.

    Brackets nest, and so do operators in a row until the next comma at their level.
    """
    token_count = 0
    deepest = 0
    depth = 0
    outer: list[int] = []
    for match in MEASURED.finditer(sql):
        token_count += 1
        kind = match.lastgroup
        if kind == "operator" or (kind == "word" and match[0].lower() in DEEPENING_WORDS):
            depth += 1
        elif kind == "open":
            outer.append(depth)
            depth += 1
        elif kind == "close" and outer:
            depth = outer.pop()
        elif kind == "comma":
            depth = outer[-1] + 1 if outer else 0
        deepest = max(deepest, depth)
    return Measure(token_count, deepest)
