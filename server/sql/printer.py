"""Text in the making, with PostgreSQL's way of breaking and indenting lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlglot import exp

from server.errors import FeatureNotSupported

# Indentation of clauses, joins and parts of clauses, and where it stops to grow as fast.
INDENT_CLAUSE: Final = 8
INDENT_JOIN: Final = 4
INDENT_PART: Final = 4
INDENT_LIMIT: Final = 40

Printers = Mapping[type[exp.Expression], Callable[["Printer", exp.Expression], None]]


class Printer:
    """One text being written."""

    def __init__(
        self,
        printers: Printers,
        *,
        indented: bool,
        pretty: bool = False,
        simple: Callable[[exp.Expression, exp.Expression], bool] | None = None,
    ) -> None:
        self.printers = printers
        self.pretty = pretty  # written for people, with fewer parentheses in expressions
        self.simple = simple  # whether a node needs no parentheses as an operand of another
        self.indented = indented
        self.level = 0
        self.pieces: list[str] = []
        self.nodes: list[exp.Expression] = []  # being printed, each within the one before

    def text(self) -> str:
        """Join what was written."""
        return "".join(self.pieces)

    def write(self, text: str) -> None:
        """Append text."""
        self.pieces.append(text)

    def print(self, node: exp.Expression) -> None:
        """Append a node."""
        printer = self.printers.get(type(node))
        if printer is None:
            raise FeatureNotSupported(f"{type(node).__name__} cannot be printed as SQL")
        self.nodes.append(node)
        printer(self, node)
        self.nodes.pop()

    @property
    def parent(self) -> exp.Expression | None:
        """What prints the node that is being printed as a part of itself."""
        return self.nodes[-2] if len(self.nodes) > 1 else None

    def enclosed(self, before: str, node: exp.Expression, after: str) -> None:
        """Append a node between two texts."""
        self.write(before)
        self.print(node)
        self.write(after)

    def operand(self, node: exp.Expression, parent: exp.Expression) -> None:
        """Append a node, in parentheses where its parent would be read otherwise."""
        if self.simple is None or self.simple(node, parent):
            self.print(node)
        else:
            self.enclosed("(", node, ")")

    def optional(self, before: str, node: exp.Expression | None, after: str = "") -> None:
        """Append a node between two texts, if there is one."""
        if node is not None:
            self.enclosed(before, node, after)

    def list(self, items: Sequence[exp.Expression], separator: str = ", ") -> None:
        """Append nodes with a separator between them."""
        for index, item in enumerate(items):
            if index:
                self.write(separator)
            self.print(item)

    def keyword(self, text: str, *, before: int = 0, after: int = 0, plus: int = 0) -> None:
        """Append a keyword, on a new line where lines are broken.

        The level changes by `before` first and by `after` at last; `plus` indents this line alone.
        """
        if not self.indented:
            self.write(text)
            return
        self.level = max(self.level + before, 0)
        self.strip()
        if self.level < INDENT_LIMIT:
            spaces = self.level + plus
        else:
            # Deep nesting would run out of the right margin, so it wraps around.
            spaces = INDENT_LIMIT + (self.level - INDENT_LIMIT) // (INDENT_CLAUSE // 2)
            spaces = spaces % INDENT_LIMIT + plus
        self.write("\n" + " " * spaces)
        self.write(text)
        self.level = max(self.level + after, 0)

    def clause(self, text: str, *, plus: int = 0) -> None:
        """Append the keyword of a clause, one step to the left of the clause itself."""
        self.keyword(text, before=-INDENT_CLAUSE, after=INDENT_CLAUSE, plus=plus)

    def strip(self) -> None:
        """Take trailing spaces away."""
        while self.pieces:
            stripped = self.pieces[-1].rstrip(" ")
            if stripped:
                self.pieces[-1] = stripped
                return
            self.pieces.pop()
