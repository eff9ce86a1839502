"""A view calls one verb that changes something: what belongs together is changed by one verb of an area, all of it or nothing.

The views and what they call are read as source. A function changes something where it, or a function that it calls by name,
saves, creates, updates or deletes a row. Of a view the way with the most such calls counts. Not seen is what is called through a
value, as a method or from a table of functions: the forms of NOT_SEEN, whose one verb does so. Every other form is seen to call
exactly one, so the reading itself is tested with it.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from glasshouse.access import pages
from glasshouse.access.pages import Page
from tests import matrix

# What belongs to no change: the pages' own note of what is shown next, and the count of tries.
BESIDE = ("glasshouse.web.once", "glasshouse.accounts.throttle")
# They look: a link is used up only by the verb that follows, and a preview keeps what it worked out for the next one.
LOOKS = {
    "glasshouse.accounts.api.address_of_reset",
    "glasshouse.greenhouse.imports.preview",
    "glasshouse.onboarding.api.confirmed_address",
}
NOT_SEEN = {"export_as_guest", "leave_set_aside", "retry_set_aside"}
# What the browser keeps, in cookies: nothing is changed here.
KEPT_BY_BROWSER = {"accept_cookies", "keep_preferences", "refuse_cookies"}
# A set-up that is shown has to be begun; it counts for nothing before its first code.
BEGUN_BY_LOOKING = {"add_second_factor"}
# An agent, with its token, fetches as its protocol says, and once; a browser that looks at the address changes nothing.
FETCHED_ONCE = {"agent_results"}
SAVES = {"save", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
IN_A_LOOP = 2


class Ways(NamedTuple):
    """How many changing verbs are called on the ways that go on after some statements, and on those that end in them."""

    on: frozenset[int]
    ended: frozenset[int]


def _source(function: FunctionType) -> ast.FunctionDef:
    parsed = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(parsed, ast.FunctionDef)
    return parsed


def _is_write(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    # An update of rows names columns; that of a dictionary or a hash is given one.
    return call.func.attr in SAVES or (call.func.attr == "update" and not call.args and bool(call.keywords))


def _called(function: FunctionType, call: ast.Call) -> FunctionType | None:
    """Which function of ours a call names; None for any other call."""
    found: Any = None
    if isinstance(call.func, ast.Name):
        found = function.__globals__.get(call.func.id)
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        module = function.__globals__.get(call.func.value.id)
        found = getattr(module, call.func.attr, None) if isinstance(module, ModuleType) else None
    found = inspect.unwrap(found) if callable(found) else None
    return found if isinstance(found, FunctionType) and found.__module__.startswith("glasshouse.") else None


def _calls(part: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(part) if isinstance(node, ast.Call))


@cache
def _writes_itself(function: FunctionType) -> bool:
    return any(map(_is_write, _calls(_source(function))))


@cache
def _named_in(function: FunctionType) -> frozenset[FunctionType]:
    found = {_called(function, call) for call in _calls(_source(function))}
    return frozenset(one for one in found if one is not None and one.__module__ not in BESIDE)


@cache
def _changes(function: FunctionType) -> bool:
    reached, to_read = {function}, [function]
    while to_read:
        one = to_read.pop()
        if _writes_itself(one):
            return True
        to_read += _named_in(one) - reached
        reached |= _named_in(one)
    return False


def _count(function: FunctionType, parts: Iterable[ast.AST]) -> int:
    """How many changing verbs some expressions call; what belongs to the pages is read on."""
    count = 0
    for called in (_called(function, call) for part in parts for call in _calls(part)):
        if called is None or called is function or called.__module__ in BESIDE:
            continue
        if called.__module__.startswith("glasshouse.web."):
            count += _most(called)
        elif f"{called.__module__}.{called.__name__}" not in LOOKS:
            count += _changes(called)
    return count


def _ways(function: FunctionType, statements: list[ast.stmt], on: frozenset[int]) -> Ways:
    ended: frozenset[int] = frozenset()
    for statement in statements:
        inner = [
            child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.ExceptHandler)
        ]
        here = _count(function, inner)
        is_loop = isinstance(statement, ast.For | ast.While)
        on = frozenset(count + here for count in on)
        if isinstance(statement, ast.Return | ast.Raise):
            return Ways(frozenset(), ended | on)
        if isinstance(statement, ast.If):
            body, other = _ways(function, statement.body, on), _ways(function, statement.orelse, on)
            on, ended = body.on | other.on, ended | body.ended | other.ended
        elif isinstance(statement, ast.Try):
            body = _ways(function, statement.body + statement.orelse, on)
            handled = [_ways(function, handler.body, on | body.on) for handler in statement.handlers]
            last = _ways(function, statement.finalbody, frozenset().union(body.on, *(way.on for way in handled)))
            on, ended = last.on, ended.union(body.ended, last.ended, *(way.ended for way in handled))
        elif isinstance(statement, ast.With | ast.For | ast.While):
            for _ in range(IN_A_LOOP if is_loop else 1):
                body = _ways(function, statement.body, on)
                on, ended = body.on | (on if is_loop else frozenset()), ended | body.ended
    return Ways(on, ended)


@cache
def _most(function: FunctionType) -> int:
    """How many changing verbs a view calls, on the way with the most of them."""
    ways = _ways(function, _source(function).body, frozenset({0}))
    return max(ways.on | ways.ended)


def _pages(*, of_forms: bool) -> dict[Page, int]:
    """Each page that takes a form, or each that takes none, with the most verbs that it calls."""
    matrix.names()  # The router fills the registry.
    found = [page for page in pages.pages() if bool({"POST", "DELETE"} & set(page.methods)) is of_forms]
    return {page: _most(inspect.unwrap(page.view)) for page in found}  # type: ignore[arg-type]


def test_a_form_calls_one_verb_that_changes_something() -> None:
    most = _pages(of_forms=True)
    # A form that asks for a preview may change nothing.
    wrong = {page.name: count for page, count in most.items() if count != 1 and (count or not page.form.preview)}
    assert wrong == dict.fromkeys(NOT_SEEN | KEPT_BY_BROWSER, 0)
    assert len(most) > 80


def test_a_page_that_is_looked_at_calls_none() -> None:
    most = _pages(of_forms=False)
    assert {page.name for page, count in most.items() if count} == BEGUN_BY_LOOKING | FETCHED_ONCE
    assert len(most) > 30
