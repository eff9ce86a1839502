"""No address that somebody wrote leads out of the service: one function decides, and nothing redirects without it."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Customer, post

Make, Web = Callable[[], Customer], Callable[..., httpx.Client]
OUT = [
    "//evil.example",
    "///evil.example",
    "https://evil.example",
    "https:evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0D/evil.example",
    "/%5cevil.example",
    "/%5C/evil.example",
    "/%2F/evil.example",
    "/%2fevil.example",
    "/%2509/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\x00/evil.example",
    "/\u2028/evil.example",
    "/\u3000/evil.example",
    "/account\\@evil.example",
    "/account//evil.example",
    "/account/..//evil.example",
    "/..//evil.example",
    "/./account",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "account",
    "@evil.example",
    "?next=//evil.example",
    "#x",
    "",
    "/account#//evil.example",
    "/account?x=%0d%0aSet-Cookie:a",
    "/nowhere-of-ours",
    "/sign-out",
    "/api/v1/me",
    "/" + "a" * 5000,
    "/account?x=" + "a" * 5000,
    "/account?x=" + "%25" * 50 + "09",
    "/\ud800",
    "/аccount",
]
OURS = ["/", "/account", "/account/security?needed=1", "/sign-up", "/account/data/choices"]


def leads_to(wanted: str, base: str = "https://ours.example/sign-in") -> str:
    """The host that a browser opens. Source: WHATWG URL, the states of the basic parser that decide on scheme and host."""
    text = wanted.strip("".join(map(chr, range(0x21))))
    text = re.sub(r"[\t\n\r]", "", text)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", text)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return f"{scheme[1].lower()}:"
    if scheme:
        if scheme[1].lower() == "https" and not re.match(r"[/\\]{2}", text[len(scheme[0]) :]):
            return leads_to(text[len(scheme[0]) :] or "/", base)  # "https:x" is relative to a base of the same scheme.
        rest = text[len(scheme[0]) :].lstrip("/\\")
    elif re.match(r"[/\\]{2}", text):
        rest = text.lstrip("/\\")
    else:
        return "ours.example"
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("wanted", OUT)
def test_what_leads_out_or_nowhere_leads_to_the_start(wanted: str) -> None:
    from glasshouse.web.redirects import safe_path

    assert safe_path(wanted) == "/"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("wanted", OURS)
def test_our_own_pages_stay_as_they_are(wanted: str) -> None:
    from glasshouse.web.redirects import safe_path

    assert safe_path(wanted) == wanted


LETTERS = list("/\\?#@:.%&= \t\n\r\x00\x0b\x1f\x7f\u2028\u00a0\uff0f\u2215")
WORDS = ["//", "/account", "/sign-up", "/trust", "evil.example", "https:", "javascript:", "next=", "x", ".."]
PIECES = st.sampled_from([*LETTERS, *WORDS, "%09", "%0a", "%5c", "%2f", "%2e", "%25"])


@pytest.mark.usefixtures("home")
@settings(max_examples=3000, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=7).map("".join), st.text(max_size=12).map("/".__add__)))
def test_nothing_that_is_let_through_leads_a_browser_elsewhere(wanted: str) -> None:
    from urllib.parse import unquote

    from glasshouse.web.redirects import safe_path

    path = safe_path(wanted)
    once, twice = unquote(path), unquote(unquote(path))
    for text in (path, once, twice):
        assert leads_to(text) == "ours.example", (wanted, path)
        assert not re.search(r"[\x00-\x20\x7f\\]|//", text)
    assert path in (wanted, "/")


def test_the_browser_model_knows_the_tricks() -> None:
    for wanted in (
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        " //evil.example",
        "https://a@evil.example/x",
    ):
        assert leads_to(wanted) == "evil.example", wanted
    assert leads_to("java\nscript:alert(1)") == "javascript:"
    for wanted in ("/account", "account", "?x=//evil.example", "https:account"):
        assert leads_to(wanted) == "ours.example", wanted


@pytest.mark.parametrize("wanted", ["/\t/evil.example", "/%09/evil.example", "/\\evil.example", "//evil.example"])
def test_every_door_that_leads_on_uses_it(customer: Make, web: Web, wanted: str) -> None:
    one = customer()
    client = web()
    answer = post(client, "/sign-in", address=one.address, password=one.password, next=wanted)
    assert answer.headers["location"] == "/"
    assert post(client, "/reauthenticate", "/account", password=one.password, next=wanted).headers["location"] == "/"
    accept = client.get("/accept", params={"next": wanted})
    assert accept.headers["location"] == "/"


def test_a_referer_leads_nowhere_else(customer: Make, web: Web, home: object) -> None:
    from glasshouse.accounts.models import Session
    from glasshouse.kernel import clock

    one = customer()
    client = web(one)
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get("/account").text)
    assert token
    from datetime import timedelta

    Session.objects.filter(account_id=one.actor.account).update(proved_at=clock.now() - timedelta(hours=2))
    origin = str(client.base_url).rstrip("/")
    for path in ("//evil.example/", "/%09/evil.example", "/account\\evil"):
        answer = client.post(
            "/account/security/codes", data={"csrfmiddlewaretoken": token[1]}, headers={"Referer": f"{origin}{path}"}
        )
        assert answer.headers["location"] == "/reauthenticate?next=/", path
    answer = client.post(
        "/account/security/codes",
        data={"csrfmiddlewaretoken": token[1]},
        headers={"Referer": f"{origin}/account/security"},
    )
    assert answer.headers["location"] == "/reauthenticate?next=/account/security"


WEB = Path(__file__).parents[2] / "src" / "glasshouse" / "web"
REDIRECTS = {"redirect", "HttpResponseRedirect", "HttpResponsePermanentRedirect", "RedirectView"}
HEADERS = {"location", "hx-redirect", "hx-location", "hx-push-url", "hx-replace-url", "refresh", "onward"}


def _harmless(node: ast.expr) -> bool:
    """A route's name or path written in the code, or what the one function made."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in ("quote", "urlencode"):
            # Quoted, it cannot leave the query. What follows "?next=" is read again by the one function where it is used.
            return True
        return name in (
            *("safe_path", "form_address", "reverse", "hand_over"),  # hand_over: an opaque id of ours
            *("list_address", "request_address"),  # `reverse`, and a quoted query
        )
    if ast.unparse(node) in (  # own_location: of an answer of ours, which is looked at anew where it is changed
        "own_location",
        "wanted.return_to",  # at the host that the officer registered (test_agents.py)
        "request.path",
        "_confirmed(request, recovery_codes).headers['Location']",
    ):
        return True  # The route's own path, and a redirect of ours that this test has looked at itself.
    if isinstance(node, ast.JoinedStr):
        return all(_harmless(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values)
    return False


def test_no_redirect_uses_what_somebody_wrote() -> None:
    wrong = []
    for path in sorted(WEB.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in REDIRECTS and not _harmless(node.args[0]):
                    wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    named = isinstance(key, ast.Constant) and str(key.value).lower() in HEADERS
                    if named and not _harmless(value):
                        wrong.append(f"{path.name}:{node.lineno} {ast.unparse(value)}")
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                key = node.targets[0].slice
                if isinstance(key, ast.Constant) and str(key.value).lower() in HEADERS and not _harmless(node.value):
                    wrong.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert wrong == []


LEAVES = re.compile(
    r"(?<!\|\| )\blocation\s*=[^=]|location\.(href\s*=[^=]|assign|replace)|window\.open|\bnavigation\.navigate"
)


def test_no_script_leaves_the_page_but_by_the_one_function() -> None:
    """Ours alone: htmx reads the address from headers that only the server writes (and none of ours does)."""
    lines = [
        f"{path.name}:{number} {line.strip()}"
        for path in sorted((WEB / "static").glob("*.js"))
        if path.name not in ("htmx.js", "uplot.js")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LEAVES.search(line)
    ]
    assert [line.partition(":")[0] for line in lines] == ["passkey.js"], lines
    assert "location.assign(target.pathname" in lines[0]


WRITTEN = re.compile(r"""(href|action|src)=["']?\{\{[^}]*(next|wanted|written|path)[^}]*\}\}""")


def test_no_template_makes_a_link_of_what_somebody_wrote() -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted(WEB.rglob("*.html"))
        for match in WRITTEN.finditer(path.read_text())
    ]
    assert found == []
