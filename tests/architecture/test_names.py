"""A name says what it holds. Source: GLOSSARY, "Names": the words below are grammar, and name nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import glasshouse

SOURCE = Path(glasshouse.__file__).parents[1]
SAYS_NOTHING = frozenset({"one", "found", "mine", "told", "words", "kept"})
# Migrations are history. What reads an older version's data speaks that version's language.
OLD = ("migrations", "upgrade")
# (file, name) -> why it has this name.
EXCEPTIONS = {
    ("glasshouse/consent/models.py", "words"): "a column; it stands in stored rows and in exports",
    (
        "glasshouse/greenhouse/file_shapes.py",
        "kept",
    ): "whether an import issue's row was kept: so it is stored with each import",
}


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever a module names: variables, attributes, arguments, functions and classes, imports' own names."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def declarations(tree: ast.AST) -> set[int]:
    """Lines of the declaration `kept = (Kept(…), …)`, by which a model says how long its rows are kept."""
    return {
        target.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign) and "Kept(" in ast.unparse(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id == "kept"
    }


def flaws(source: str, path: str) -> list[str]:
    """`path:line name` of each name that says nothing."""
    tree = ast.parse(source)
    declared = declarations(tree)
    return [
        f"{path}:{line} {name}"
        for line, name in named(tree)
        if name in SAYS_NOTHING and (path, name) not in EXCEPTIONS and not (name == "kept" and line in declared)
    ]


def test_every_name_says_what_it_holds() -> None:
    paths = [path for path in SOURCE.rglob("*.py") if not set(OLD) & set(path.relative_to(SOURCE).parts)]
    assert len(paths) > 300
    assert [flaw for path in paths for flaw in flaws(path.read_text(), str(path.relative_to(SOURCE)))] == []


def test_each_exception_is_still_there() -> None:
    for (path, name), _ in EXCEPTIONS.items():
        assert name in {name for _, name in named(ast.parse((SOURCE / path).read_text()))}, f"{path} {name}"


def test_a_name_that_says_nothing_is_seen_wherever_it_stands() -> None:
    for source in (
        "found = 1",
        "def read():\n    for one in rows: pass",
        "def read(told): pass",
        "def read(*, kept): pass",
        "async def words(): pass",
        "class mine: pass",
        "read = lambda found: found",
        "rows = [one for one in rows]",
        "if found := read(): pass",
        "self.told = 1",
        "with read() as found: pass",
        "import rows as found",
        "class Search:\n    told: str = ''",
        "kept = (1,)",
    ):
        assert flaws(source, "a.py"), source
    assert flaws("class Model:\n    kept = (Kept('at', 1, 'it ended'),)", "a.py") == []
