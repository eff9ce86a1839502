"""Our own source, parsed once for all tests of a process that look at it: it takes seconds."""

import ast
import functools
from collections.abc import Iterable
from pathlib import Path


@functools.cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    """Every node of a file."""
    return tuple(ast.walk(ast.parse(file.read_text())))


def nodes_in(files: Iterable[Path]) -> list[tuple[Path, ast.AST]]:
    """Every node of some files, with its file."""
    return [(file, node) for file in files for node in nodes_of(file)]
