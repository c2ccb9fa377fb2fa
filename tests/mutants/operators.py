"""
The mistakes that are tried: mutmut's operators, and those that an access proxy must fear most - a check left out.

mutmut as a program cannot be used here: it runs pytest alone, and changes only what stands in undecorated functions,
while half of our rules are module-level tables and expressions. Its operators are a library, and are used as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, CodeSpan, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

from tests.mutants.mutant import Mutant

_TRUE, _FALSE, _NONE = cst.Name("True"), cst.Name("False"), cst.Name("None")


def mutants(path: str, source: str) -> list[Mutant]:
    """
    Every mutant of a module, in the order of its lines; no two are alike.
    """
    visitor = _Mistakes()
    wrapper = MetadataWrapper(cst.parse_module(source))
    module = wrapper.visit(visitor)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    found: list[Mutant] = []
    seen = {source}
    lines = source.splitlines()
    for place, original, changed in visitor.found:
        code = _spliced(source.encode(), module, original, changed, spans.get(original))
        if code not in seen and _compiles(code):
            seen.add(code)
            line, removed, added = _difference(lines, code.splitlines())
            found.append(Mutant(path, place, removed, added, line, code))
    return sorted(found, key=lambda mutant: mutant.line)


def _spliced(
    source: bytes, module: cst.Module, original: cst.CSTNode, changed: cst.CSTNode, span: CodeSpan | None
) -> str:
    """
    The source with *changed* in the place of *original*.
    """
    if span is not None and not isinstance(original, cst.BaseCompoundStatement):
        before, after = source[: span.start], source[span.start + span.length :]
        stands = source[len(before) : len(source) - len(after)].decode()
        if stands.split() == module.code_for_node(original).split():
            # Making the whole module anew for every mutant would take longer than trying it.
            written = stands.replace(stands.strip(), module.code_for_node(changed).strip(), 1)
            return before.decode() + written + after.decode()
    return module.deep_replace(original, changed).code  # type: ignore[arg-type]


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """
    The first line that differs, the lines that went and those that came.
    """
    before, after = [line.strip() for line in before], [line.strip() for line in after]
    first = 0
    while before[first : first + 1] == after[first : first + 1] and first < len(before):
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    return first + 1, tuple(before[first : len(before) - last]), tuple(after[first : len(after) - last])


def _conditions(node: cst.If | cst.CompIf | cst.While) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """
    A condition that is always answered the same.
    """
    if not isinstance(node, cst.While):
        yield node.test, _TRUE
    yield node.test, _FALSE


def _one_operand(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    """
    One of two conditions is not asked.
    """
    for operand in (node.left, node.right):
        # In the parentheses of both, or those of its own.
        if node.lpar:
            yield operand.with_changes(lpar=node.lpar, rpar=node.rpar)
        else:
            yield operand


def _nothing_returned(node: cst.Return) -> Iterator[cst.CSTNode]:
    """
    What was found is not said.
    """
    if node.value is not None and not (isinstance(node.value, cst.Name) and node.value.value == "None"):
        yield node.with_changes(value=_NONE, whitespace_after_return=cst.SimpleWhitespace(" "))


def _left_out(node: cst.Expr | cst.Raise | cst.Del) -> Iterator[cst.CSTNode]:
    """
    A statement is forgotten.
    """
    if not isinstance(node, cst.Expr) or isinstance(node.value, (cst.Call, cst.Await)):
        yield cst.Pass()


_OURS: list[tuple[type | tuple[type, ...], Callable[[Any], Iterable[cst.CSTNode]]]] = [
    (cst.BooleanOperation, _one_operand),
    (cst.Return, _nothing_returned),
    ((cst.Expr, cst.Raise, cst.Del), _left_out),
]


def _is_log_call(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value == "log"
    )


def _is_coding(node: cst.CSTNode) -> bool:
    """
    Whether it is ``x.encode("ascii")`` or the like; a codec is found by its name in any case.
    """
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in ("encode", "decode")
        and len(node.args) == 1
    )


def _is_field(node: cst.CSTNode) -> bool:
    """
    Whether it asks for a field of a request, whose name may be in any case.
    """
    return isinstance(node, cst.Call) and _words(node.func) in ("header", "request.header")


def _words(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _is_alias(node: cst.CSTNode) -> bool:
    """
    Whether it is ``Callable[[...], ...]``: a name given to that is a word of annotations.
    """
    return isinstance(node, cst.Subscript) and _words(node.value) == "Callable"


def _is_text(node: cst.CSTNode) -> bool:
    return isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))


@dataclass(eq=False)
class _Mistakes(cst.CSTVisitor):
    """
    Walks a module and collects what may be changed into what.

    Not changed, because no promise is in it: annotations and their aliases, imports, ``__all__`` (it tells mypy, too),
    docstrings, decorators (slots, frozen), asserts, what is logged, the words of an exception, what members of an
    enumeration are called, the names of character sets, and the case of the names of fields.
    """

    found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    raising: int = 0
    coding: int = 0
    naming: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def on_visit(self, node: cst.CSTNode) -> bool:
        """
        Collect the changes of *node*; say whether to look inside.
        """
        if isinstance(node, (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator, cst.Assert)):
            return False
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self.names.append(node.name.value)
        if isinstance(node, cst.ClassDef) and any("Enum" in _words(base.value) for base in node.bases):
            return False
        if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
            return False
        if isinstance(node, cst.Expr) and (_is_text(node.value) or _is_log_call(node.value)):
            return False
        if isinstance(node, cst.Assign) and (_is_alias(node.value) or _words(node.targets[0].target) == "__all__"):
            return False
        if isinstance(node, cst.Arg) and _is_text(node.value) and self.coding:
            return False
        self.coding += _is_coding(node)
        self.naming += _is_field(node)
        if isinstance(node, cst.Raise):
            self.raising += 1
        if self.raising and _is_text(node):
            return False
        if isinstance(node, (cst.If, cst.CompIf, cst.While)):
            self.found += [(".".join(self.names), *change) for change in _conditions(node)]
        for kind, operator in (*mutation_operators, *_OURS):
            if isinstance(node, kind):
                for changed in operator(node):
                    if self.naming and _words(changed).lower() == _words(node).lower():
                        continue
                    if not (self.raising and _changes_words(node, changed)):
                        self.found.append((".".join(self.names), node, changed))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """
        Out of a function, a class or a raise.
        """
        if isinstance(original_node, (cst.FunctionDef, cst.ClassDef)):
            self.names.pop()
        self.coding -= _is_coding(original_node)
        self.naming -= _is_field(original_node)
        if isinstance(original_node, cst.Raise):
            self.raising -= 1


def _changes_words(original: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """
    Whether the change is of an exception's text alone.
    """
    if not isinstance(original, cst.Call) or not isinstance(changed, cst.Call):
        return False
    before = [argument.value for argument in original.args if not _is_text(argument.value)]
    after = [argument.value for argument in changed.args if not _is_text(argument.value)]
    gone = len(original.args) - len(changed.args)
    texts = len(original.args) - len(before)
    if gone:
        return len(before) == len(after) and texts > 0
    return len(after) == len(before) + 1
