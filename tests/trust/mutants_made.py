"""What could be wrong with what decides: every small change of a module's source that might go unnoticed.

A mutant is a number: the same source gives the same mutants. `compiled` is the module with that one change.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from gatefw.lane_terms import Shape
from gatefw.model import (
    Beam,
    DoorId,
    Input,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Reason,
    Signal,
    Timer,
    Verb,
    Verdict,
    Zone,
)

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("interlock", "leases", "lane", "lane_table", "lane_terms")
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt,
    ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ENUMS = (Beam, DoorId, Input, Occupancy, Phase, Position, Purpose, Reason, Shape, Signal, Timer, Verb, Verdict, Zone)
WORDS = {each.__name__: [word.name for word in each] for each in ENUMS}
WORDS["P"] = WORDS["Phase"]
NOT_DONE = ("__all__", "__slots__")
Change = tuple[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in which module, on which line, what; `number` counts within the module."""

    module: str
    number: int
    line: int
    what: str

    @property
    def line_text(self) -> str:
        return source(self.module).read_text().splitlines()[self.line - 1].strip()

    def __str__(self) -> str:
        return f"gatefw/{self.module}.py:{self.line}: {self.what} (mutant {self.module}:{self.number})"


def mutants(module: str) -> list[Mutant]:
    tree = ast.parse(source(module).read_text())
    return [Mutant(module, number, line, what) for number, (line, what, _) in enumerate(_changes(tree))]


def compiled(module: str, number: int) -> CodeType:
    """The module with its change of this number."""
    path = source(module)
    tree = ast.parse(path.read_text())
    _, _, change = list(_changes(tree))[number]
    change()
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


def source(module: str) -> Path:
    return ROOT / "gatefw" / f"{module}.py"


def _changes(tree: ast.Module) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """In the order of the source. What is said of types, and words for people, is left alone."""
    for node in _code(tree):
        for what, change in _of(node):
            yield node.lineno, what, change  # type: ignore[attr-defined]


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that does something: no docstring, annotation or import."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            skipped = isinstance(child, ast.Import | ast.ImportFrom)
            words = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not (skipped or words or _names_a_type(child)):
                if hasattr(child, "lineno"):
                    yield child
                yield from _code(child)


def _names_a_type(node: ast.AST) -> bool:
    """`Action = Callable[[State], None]`, `Outcome = Drive | Drop`: another name of a type does nothing."""
    match node:
        case ast.Assign(value=ast.Subscript(value=ast.Name("Callable" | "tuple"))):
            return True
        case ast.Assign(value=ast.BinOp(op=ast.BitOr())):
            return True
    return False


def _of(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                other = COMPARED[type(op)]
                of_which = f" before {ast.unparse(node.comparators[at])}" if len(ops) > 1 else ""
                what = f"{_name(op)} becomes {_name(other())}{of_which}"
                yield what, lambda at=at, other=other: ops.__setitem__(at, other())  # type: ignore[misc]
        case ast.BoolOp(op=op, values=values):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{_name(op)} becomes {_name(other_op)}", lambda: node.__setattr__("op", other_op)
            for at in range(len(values)):
                yield f"clause left out: {ast.unparse(values[at])}", lambda at=at: _without(node, values, at)  # type: ignore[misc]
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op, left=left, right=right):
            for kept, gone in ((left, right), (right, left)):
                yield f"left out: {_name(op)} {ast.unparse(gone)}", lambda kept=kept: _become(node, kept)  # type: ignore[misc]
        case ast.BinOp(op=ast.Add() | ast.Sub() as op):
            opposite = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
            yield f"{_name(op)} becomes {_name(opposite)}", lambda: node.__setattr__("op", opposite)
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield f"not left out: {ast.unparse(node)}", lambda: _become(node, operand)
        case ast.Constant(value=bool() as value):
            yield f"{value} becomes {not value}", lambda: node.__setattr__("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield f"{value} becomes {value + 1}", lambda: node.__setattr__("value", value + 1)
        case ast.Attribute(value=ast.Name(id=kind), attr=word) if word in WORDS.get(kind, ()):
            words = WORDS[kind]
            other_word = words[(words.index(word) + 1) % len(words)]
            yield f"{kind}.{word} becomes {kind}.{other_word}", lambda: node.__setattr__("attr", other_word)
        case ast.Tuple(elts=elements, ctx=ast.Load()):
            for at in range(len(elements)):
                left_out = ast.unparse(elements[at])[:90]
                yield f"left out: {left_out}", lambda at=at: elements.pop(at)  # type: ignore[misc]
        case ast.Dict(keys=keys, values=entries):
            for at, key in enumerate(keys):
                if key is not None:
                    yield f"entry left out: {ast.unparse(key)}", lambda at=at: (keys.pop(at), entries.pop(at))  # type: ignore[misc]
        case ast.Match(cases=cases):
            for case in cases:
                never = lambda case=case: case.__setattr__("guard", ast.Constant(False))  # noqa: E731
                yield f"case left out: {ast.unparse(case.pattern)}", never
        case ast.MatchOr(patterns=patterns):
            for at in range(len(patterns)):
                yield f"left out: {ast.unparse(patterns[at])}", lambda at=at: _without(node, patterns, at)  # type: ignore[misc]
        case ast.If(test=test) | ast.IfExp(test=test):
            yield f"always: if {ast.unparse(test)}", lambda: node.__setattr__("test", ast.Constant(True))
            yield f"never: if {ast.unparse(test)}", lambda: node.__setattr__("test", ast.Constant(False))
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield f"not done: {ast.unparse(node)}", lambda: _become(node, ast.Pass())


def _without(node: ast.AST, operands: list[ast.AST], at: int) -> None:
    """Leave an operand out; the last of two stands for the whole, since Python compiles no `or` of one."""
    del operands[at]
    if len(operands) == 1:
        _become(node, operands[0])


def _become(node: ast.AST, other: ast.AST) -> None:
    """Turn a node into another one, in place."""
    twin = copy.copy(other)
    node.__class__ = twin.__class__
    node.__dict__.update(twin.__dict__)


def _name(op: ast.AST) -> str:
    words = {"IsNot": "is not", "NotIn": "not in", "NotEq": "!=", "Eq": "==", "LtE": "<=", "GtE": ">=", "Lt": "<"}
    words |= {"Gt": ">", "BitAnd": "&", "BitOr": "|", "Add": "+", "Sub": "-"}
    return words.get(type(op).__name__, type(op).__name__.lower())
