"""What may stand in a log."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "glasshouse"


def test_nothing_writes_the_text_of_an_error_into_the_log() -> None:
    """The text of an error may hold personal data: `kernel.errors.stack_of` gives what may be logged of it."""
    wrong = []
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of_log = ast.unparse(node.func.value) in ("log", "logger", "logging")
            if of_log and (node.func.attr == "exception" or any(one.arg == "exc_info" for one in node.keywords)):
                wrong.append(f"{file.relative_to(SOURCE)}:{node.lineno}")
            if ast.unparse(node.func).startswith("traceback.") and node.func.attr in (
                "format_exc",
                "format_exception",
                "print_exc",
                "print_exception",
            ):
                wrong.append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert wrong == []
