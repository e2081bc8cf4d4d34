"""The tree of ARCHITECTURE.md: every module with the first sentence of its docstring.

`python tests/architecture/tree.py` (make docs) puts it into the document; a test compares.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("protocol", "storage", "server")
DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- tree -->\n", "<!-- end of tree -->\n"


def modules() -> list[Path]:
    """Every module of the three packages."""
    return sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.stem != "__init__"
    )


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first.rstrip(".")


def tree() -> str:
    """The tree as the document shows it."""
    lines = [f"{path.relative_to(ROOT).as_posix():44} {sentence(path)}" for path in modules()]
    return "\n".join(["```", *lines, "```", ""])


def written() -> str:
    """The tree that stands in the document."""
    text = DOCUMENT.read_text("utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


if __name__ == "__main__":
    head, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(head + BEGIN + tree() + END + tail, "utf-8")
