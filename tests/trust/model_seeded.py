"""Bugs on purpose: each clause of the interlock and of the leases left out in turn, in a copy that is never written.

A clause is an `if` with what it guards, one operand of `and`, `or` or a chain of `is`, one element of `in (...)`, one
arm of a conditional expression, or one `case`. The search must tell each of these from the real thing.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType

import gatefw.interlock
import gatefw.leases

SOURCES = {"interlock": gatefw.interlock, "leases": gatefw.leases}


@dataclass(frozen=True)
class Bug:
    """`at` is the number of the clause in its file; `words` what was left out, where."""

    file: str
    at: int
    words: str

    @property
    def whole(self) -> bool:
        """A whole condition, not a part of one: the search must tell it."""
        return "without `if " in self.words


def bugs() -> list[Bug]:
    return [Bug(file, at, words) for file in SOURCES for at, (words, *_) in enumerate(_clauses(file, _parsed(file)))]


def leases_with(bug: Bug) -> ModuleType:
    """A copy of `gatefw.leases`, and of the interlock under it, one of them with the bug."""
    interlock = _loaded("interlock", _tree("interlock", bug))
    leases = _loaded("leases", _tree("leases", bug))
    for name in ("Keep", "Permit", "permits"):
        setattr(leases, name, getattr(interlock, name))
    return leases


def _tree(file: str, bug: Bug) -> ast.Module:
    tree = _parsed(file)
    if file == bug.file:
        _, node, change = next(islice(_clauses(file, tree), bug.at, None))
        _replace(tree, node, change)
    return tree


def _loaded(file: str, tree: ast.Module) -> ModuleType:
    module = ModuleType(SOURCES[file].__name__)
    exec(compile(tree, f"{file} with a bug", "exec"), module.__dict__)
    return module


def _parsed(file: str) -> ast.Module:
    return ast.parse(Path(str(SOURCES[file].__file__)).read_text())


def _clauses(file: str, tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Every clause that can be left out: the words for it, where it stands, and what stands there without it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                for words, change in _left_out(node):
                    yield f"{file}.{function.name}: {words}", node, change


def _replace(tree: ast.Module, node: ast.AST, change: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, name, change)
            elif isinstance(value, list):
                value[:] = [change if each is node else each for each in value]
    ast.fix_missing_locations(tree)


def _left_out(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.If(test=test, orelse=orelse):
            yield f"without `if {ast.unparse(test)}: ...`", ast.If(ast.Constant(value=False), node.body, orelse)
        case ast.BoolOp(op=op, values=values):
            for value in values:
                rest = [each for each in values if each is not value]
                yield (
                    f"`{ast.unparse(node)}` without `{ast.unparse(value)}`",
                    ast.BoolOp(op, rest) if len(rest) > 1 else rest[0],
                )
        case ast.Compare(ops=[ast.Is(), *more], comparators=comparators) if more:
            operands = [node.left, *comparators]
            for at in range(len(operands) - 1):
                rest = operands[:at] + operands[at + 1 :]
                words = f"`{ast.unparse(node)}` without `{ast.unparse(operands[at])}`"
                yield words, ast.Compare(rest[0], [ast.Is()] * (len(rest) - 1), rest[1:])
        case ast.Compare(ops=[ast.In()], comparators=[ast.Tuple(elts=elements)]) if len(elements) > 1:
            for element in elements:
                rest = ast.Tuple([each for each in elements if each is not element], ast.Load())
                yield (
                    f"`{ast.unparse(node)}` without `{ast.unparse(element)}`",
                    ast.Compare(node.left, node.ops, [rest]),
                )
        case ast.IfExp(body=body, orelse=orelse):
            yield f"`{ast.unparse(node)}` always `{ast.unparse(body)}`", body
            yield f"`{ast.unparse(node)}` always `{ast.unparse(orelse)}`", orelse
        case ast.Match(subject=subject, cases=cases):
            for case in cases[:-1]:
                rest = [each for each in cases if each is not case]
                yield f"without `case {ast.unparse(case.pattern)}`", ast.Match(subject, rest)
