"""Splits the code of a module into what a start runs and what waits (`server/late_code.py`).

    from a import B, c          B is a base of a class: it is imported; c is named in bodies alone: it waits
    TABLE = {"x": lambda: 1}    stays
    class D(B):
        def m(self): c()        a stand-in; the body lies apart, with the names in it that wait: c

Rule 1: what the module's own code, or that of a class, may look at is imported: names in bases, decorators, defaults
        and values. An import that nobody names is made: somebody wants what it does.
Rule 2: what is bound twice, in a condition, or as a global of a function is left as it is.
Rule 3: a module that is not understood is not split.
Rule 4: stand-ins have no annotations, and documentation only in modules that speak of __doc__: nobody looks at it.
        Those of fields are text, whether the source asks for that or not: dataclasses look for three words there.
"""

from __future__ import annotations
import __future__

import ast
import marshal
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from types import CodeType
from typing import TYPE_CHECKING, Final

from server.late_code import LATE, TOP, stand_in_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from server.late_code import Import

    Function = ast.FunctionDef | ast.AsyncFunctionDef
    Place = tuple[str, int]
    """Of a function: its name and the line that it begins on, which its code has as well."""


LOOKED_AT: Final = ("ClassVar", "InitVar", "KW_ONLY")
"""What dataclasses look for in annotations that are text, and would not know without its import."""


@dataclass(frozen=True, slots=True)
class Split:
    """A module in two: what is run, and the bodies that wait, each with the names that wait for it.

    `numbers` has functions that are what their definition makes; a decorated one is had by running the module.
    """

    code: CodeType
    imports: dict[str, Import]
    bodies: list[tuple[bytes, tuple[str, ...]]]
    numbers: dict[str, int]


@dataclass(slots=True)
class _Named:
    """Names of a module: looked at by its own code, in bodies of functions, and bound by more than one import."""

    at_once: set[str] = field(default_factory=set)
    in_bodies: set[str] = field(default_factory=set)
    bound: list[str] = field(default_factory=list)
    functions: dict[Place, list[Function]] = field(default_factory=dict)


def split_code(source: bytes, path: str) -> Split | None:
    """The module in two; None if it stays whole."""
    tree = ast.parse(source, path)
    named = _Named()
    _look(tree.body, named)
    imports = _late_imports(tree, named)
    places = {place: n for n, place in enumerate(named.functions)}
    numbers = {
        each.name: places[each.name, each.lineno]
        for each in tree.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and not each.decorator_list
        and named.bound.count(each.name) == 1
    }
    for place, number in places.items():
        for function in named.functions[place]:
            function.decorator_list.append(_keeper(function, number))
            _leave_annotations_out(function)
            if b"__doc__" not in source and ast.get_docstring(function, clean=False) is not None:
                function.body = function.body[1:] or [ast.copy_location(ast.Pass(), function)]
    code = compile(tree, path, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
    bodies: dict[int, tuple[bytes, tuple[str, ...]]] = {}
    code = _with_stand_ins(code, places, imports, bodies, b"__doc__" in source)
    if set(bodies) != set(range(len(places))) or any(len(f) > 1 for f in named.functions.values()):
        return None
    return Split(code, imports, [bodies[n] for n in range(len(places))], numbers)


def _look(statements: Iterable[ast.stmt], named: _Named) -> None:
    """Take note of all names in the code of a module or a class."""
    for statement in statements:
        match statement:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                named.bound += [_local(statement, each) for each in names]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                _look_at_function(statement, named)
            case ast.ClassDef(body=body):
                named.bound.append(statement.name)
                for each in (*statement.decorator_list, *statement.bases, *statement.keywords):
                    _look_at(each, named)
                _look(body, named)
            case ast.AnnAssign():
                _look_at_field(statement, named)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                named.at_once.add("TYPE_CHECKING")
                _look(statement.orelse, named)
            case ast.If():
                _look_at(statement.test, named)
                _look(statement.body, named)
                _look(statement.orelse, named)
            case _:
                _look_at(statement, named)


def _look_at(node: ast.AST, named: _Named) -> None:
    """Take note of what is named in something that stays, whatever it is."""
    for each in ast.walk(node):
        match each:
            case ast.Name(id=name, ctx=ast.Load()):
                named.at_once.add(name)
            case ast.Name(id=name):
                named.bound.append(name)
            case ast.alias():
                named.bound += [each.asname or each.name.partition(".")[0]] * 2  # in a condition
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                named.bound.append(name)
            case _:
                pass


def _look_at_field(field_of: ast.AnnAssign, named: _Named) -> None:
    """Take note of what is named in a field, which does not look at its annotation."""
    said = ast.unparse(field_of.annotation)
    annotation = field_of.annotation if any(word in said for word in LOOKED_AT) else None
    for part in (field_of.target, field_of.value, annotation):
        if part is not None:
            _look_at(part, named)


def _look_at_function(function: Function, named: _Named) -> None:
    named.bound.append(function.name)
    given = function.args
    for value in (*function.decorator_list, *given.defaults, *given.kw_defaults):
        if value is not None:
            _look_at(value, named)
    line = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    named.functions.setdefault((function.name, line), []).append(function)
    for each in (node for statement in function.body for node in ast.walk(statement)):
        match each:
            case ast.Name(id=name):
                named.in_bodies.add(name)
            case ast.Global(names=names):
                named.bound += names * 2
            case _:
                pass


def _late_imports(tree: ast.Module, named: _Named) -> dict[str, Import]:
    """Take imports that can wait out of the module, and give them."""
    if "__getattr__" in named.bound:
        return {}
    late: dict[str, Import] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found = {
                each: imported
                for each in statement.names
                if (imported := _late(statement, each, named)) is not None
            }
            late |= {_local(statement, each): imported for each, imported in found.items()}
            statement.names = [each for each in statement.names if each not in found]
    tree.body = [each for each in tree.body if getattr(each, "names", True) != []]
    return late


def _late(statement: ast.Import | ast.ImportFrom, each: ast.alias, named: _Named) -> Import | None:
    """Where a name comes from that can wait."""
    name = _local(statement, each)
    if name in named.at_once or named.bound.count(name) > 1:
        return None
    if isinstance(statement, ast.Import):
        if name not in named.in_bodies:
            return None
        return each.name, None if each.asname else TOP
    if statement.level or statement.module in (None, "__future__") or each.name == "*":
        return None
    return str(statement.module), each.name


def _local(statement: ast.stmt, each: ast.alias) -> str:
    """The name that an import binds."""
    if each.asname is not None or isinstance(statement, ast.ImportFrom):
        return each.asname or each.name
    return each.name.partition(".")[0]


def _keeper(function: Function, number: int) -> ast.expr:
    """The decorator that takes note of a stand-in."""
    keeps = ast.Attribute(ast.Name(LATE, ast.Load()), "keeps", ast.Load())
    call = ast.Call(keeps, [ast.Constant(number)], [])
    for node in ast.walk(call):
        ast.copy_location(node, function)
    return call


def _leave_annotations_out(function: Function) -> None:
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if argument is not None:
            argument.annotation = None
    function.returns = None


def _with_stand_ins(
    code: CodeType,
    places: dict[Place, int],
    imports: dict[str, Import],
    bodies: dict[int, tuple[bytes, tuple[str, ...]]],
    is_documented: bool,
) -> CodeType:
    """The code of a module or class whose functions are stand-ins; their bodies are noted."""
    constants: list[object] = []
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            constants.append(constant)
            continue
        number = places.get((constant.co_name, constant.co_firstlineno))
        if not constant.co_flags & CO_OPTIMIZED:
            constants.append(_with_stand_ins(constant, places, imports, bodies, is_documented))
        elif number is None:
            constants.append(constant)
        else:
            waiting = tuple(sorted(set(_names(constant)) & imports.keys()))
            bodies[number] = (marshal.dumps(constant), waiting)
            constants.append(_stand_in(constant, number, is_documented))
    return code.replace(co_consts=tuple(constants))


def _names(code: CodeType) -> Iterator[str]:
    """All names in a body, and in functions within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _stand_in(body: CodeType, number: int, is_documented: bool) -> CodeType:
    """The stand-in of a function that is defined by its module's code."""
    first = body.co_consts[0] if body.co_consts and is_documented else None
    documentation = first if isinstance(first, str) else None
    return stand_in_code(number, documentation).replace(
        co_name=body.co_name,
        co_qualname=body.co_qualname,
        co_filename=body.co_filename,
        co_firstlineno=body.co_firstlineno,
    )
