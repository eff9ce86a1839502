"""The check of what is stored in browsers: PRI-07."""

import re
from http.cookies import SimpleCookie
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

from glasshouse.access.pages import Audience
from glasshouse.promises.asked_fields import shown_pages
from glasshouse.promises.findings import Finding, Steps
from glasshouse.promises.front_door import Visitor
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, on_stage

MINUTE_S, DAY_S = 60, 86_400


class _Allowed(NamedTuple):
    """What the check itself takes for necessary. most_s: the longest life; on_page: how the page says it."""

    most_s: int
    on_page: str
    same_site: str = "Lax"


# Written down here, whatever the service's own register says.
NECESSARY = {
    "__Host-session": _Allowed(14 * DAY_S, "14 days"),
    "__Host-browser": _Allowed(365 * DAY_S, "1 year"),
    "__Host-csrf": _Allowed(365 * DAY_S, "1 year"),
    "__Host-pending": _Allowed(10 * MINUTE_S, "10 minutes", "Strict"),
    "__Host-language": _Allowed(365 * DAY_S, "1 year"),
    "__Host-theme": _Allowed(365 * DAY_S, "1 year"),
}
TAB_STORAGE = {"htmx-current-path-for-history": "until the page is loaded"}
ANSWER, ANSWER_MOST_S = "__Host-cookies", 180 * DAY_S  # there only where something is asked
READER = {"__Host-csrf"}  # of somebody who only reads
OPTIONAL = "Only if you agree"  # how the page marks what is asked for
QUESTION = "[data-cookie-question]"
# By what a script stores something in a browser, and how often each script that we send may name it.
STORES = re.compile(
    r"\blocalStorage\b|\bsessionStorage\b|\bindexedDB\b|\bdocument\.cookie\b|\bcookieStore\b|\bserviceWorker\b|\bSharedWorker\b"
    r"|\bcaches\.open\b|\bstorage\.getDirectory\b|\bwindow\.name\b"
)
MAY_NAME = {"htmx": ("sessionStorage", 9), "page": ("sessionStorage", 1)}


@check(
    "PRI-07",
    steps=(
        "Every page that needs no more than an account is opened at the door, signed out and as a probe. Each cookie that comes "
        "must be in the check's own list of necessary ones, last no longer than the list says, and be out of scripts' reach.",
        "The cookie page and the cookie notice must name just these, and each page must lead there.",
        "Every script that the pages load is read for words by which a browser is made to store something; the policy that is "
        "sent with each page must forbid workers.",
        "Where the cookie page names an optional one, it must be asked for by two equal buttons, and must not be stored before "
        "the answer, after a no, and after a yes was taken back.",
    ),
    oracle="The check's own list of cookies, with their lives; the headers, pages and scripts that came from the live door.",
)
def cookies_and_storage() -> Finding:
    """Nothing is stored in a browser but what is needed, said, or agreed to."""
    steps = Steps()
    with on_stage(steps) as stage:
        reader = stage.visitor()
        page = LexborHTMLParser(reader.get("/cookies").text)
        optional = _page_names(steps, page)
        _notice(steps, reader)
        owner = stage.grower()
        scripts = _walk(steps, reader, owner)
        unneeded = set(reader.cookies) - READER
        steps.expect("whoever only reads is given no cookie but the one of forms", not unneeded, _few(unneeded))
        _choices(reader)
        _cookies(steps, [*reader.set_cookies, *owner.visitor.set_cookies], optional)
        _scripts(steps, reader, scripts)
        _question(steps, stage.visitor(), optional)
    return steps.judged()


def _few(names: "set[str] | list[str]") -> str:
    return ", ".join(sorted(names)[:3])


def _page_names(steps: Steps, page: LexborHTMLParser) -> set[str]:
    """Hold the cookie page to the check's list; returns the names of optional cookies."""
    rows = [[cell.text(deep=True).strip() for cell in row.css("td")] for row in page.css("tbody tr")]
    lives = {cells[0]: cells[4] for cells in rows if len(cells) > 4}
    optional = {cells[0] for cells in rows if len(cells) > 4 and cells[3] == OPTIONAL}
    wanted = {name: allowed.on_page for name, allowed in NECESSARY.items()} | TAB_STORAGE
    shown = {name: life for name, life in lives.items() if name not in optional | ({ANSWER} if optional else set())}
    wrong = {name for name in wanted.keys() | shown.keys() if wanted.get(name) != shown.get(name)}
    count = len(wanted)
    steps.expect(f"the cookie page names each of {count} things that are stored, and how long", not wrong, _few(wrong))
    return optional


def _notice(steps: Steps, reader: Visitor) -> None:
    document = LexborHTMLParser(reader.follow(reader.get("/documents/cookies")).text)
    cells = {cell.text(deep=True).strip().removeprefix("__Host-") for cell in document.css("article td")}
    lacking = {name for name in NECESSARY if name.removeprefix("__Host-") not in cells}
    steps.expect("the cookie notice in force names each cookie", not lacking, _few(lacking))


def _walk(steps: Steps, reader: Visitor, owner: Resident) -> set[str]:
    """Open every page; returns the addresses of the scripts that they load."""
    scripts, astray, workers, count = set(), [], [], 0
    for page in shown_pages():
        path = "/" + page.path.replace("<slug:organisation>", owner.organisation)
        visitor = reader if page.audience is Audience.PUBLIC else owner.visitor
        answer = visitor.get(path)
        if not answer.headers.get("content-type", "").startswith("text/html") or answer.is_redirect:
            continue
        shown, count = LexborHTMLParser(answer.text), count + 1
        scripts |= {str(node.attributes.get("src")) for node in shown.css("script[src]")}
        astray += [path] if not shown.css('footer a[href="/cookies"]') and shown.css("footer") else []
        workers += [path] if "worker-src 'none'" not in answer.headers.get("content-security-policy", "") else []
    steps.expect(f"each of {count} pages leads to the cookie page", count > len(NECESSARY) and not astray, _few(astray))
    steps.expect("each page forbids workers", not workers, _few(workers))
    return scripts


def _choices(reader: Visitor) -> None:
    """Have the cookies set that a reader asks for: language and theme."""
    reader.submit("/preferences", {"language": "de", "theme": "dark"}, action="/keep")


def _cookies(steps: Steps, lines: list[str], optional: set[str]) -> None:
    unknown, long, reachable, names = set(), set(), set(), set()
    for line in lines:
        for name, morsel in SimpleCookie(line).items():
            names.add(name)
            allowed = NECESSARY.get(name)
            most_s = allowed.most_s if allowed else ANSWER_MOST_S
            unknown |= set() if allowed or name in optional or (optional and name == ANSWER) else {name}
            long |= set() if str(morsel["max-age"]).isdigit() and int(morsel["max-age"]) <= most_s else {name}
            is_closed = morsel["secure"] and morsel["httponly"] and morsel["path"] == "/" and not morsel["domain"]
            same_site = allowed.same_site if allowed else "Lax"
            reachable |= set() if is_closed and morsel["samesite"] == same_site else {name}
    count = len(names)
    steps.expect(f"each of {count} cookies that came is in the check's list", count > 1 and not unknown, _few(unknown))
    steps.expect("none of them lasts longer than the list says", not long, _few(long))
    steps.expect(
        "none can be read by scripts, sent in the clear, or sent to other sites", not reachable, _few(reachable)
    )


def _scripts(steps: Steps, reader: Visitor, scripts: set[str]) -> None:
    wrong = set()
    for path in scripts:
        name = path.rpartition("/")[2].partition(".")[0]
        uses = STORES.findall(reader.get(path).text)
        word, most = MAY_NAME.get(name, ("", 0))
        if set(uses) - {word} or len(uses) > most:
            wrong.add(f"{name}: {_few(set(uses))}")
    count = len(scripts)
    steps.expect(
        f"none of {count} scripts stores anything that the list does not name", count > 1 and not wrong, _few(wrong)
    )


def _question(steps: Steps, visitor: Visitor, optional: set[str]) -> None:
    """Answer the question about optional cookies, as a person would, and look at what is stored."""
    shown = LexborHTMLParser(visitor.get("/").text)
    if not optional:
        steps.expect("nothing is optional, and nobody is asked", not shown.css(QUESTION))
        return
    buttons = [(node.tag, node.attributes.get("class")) for node in shown.css(f"{QUESTION} form button")]
    steps.expect("the question has two equal buttons", len(buttons) == len(set(buttons)) + 1 == 2)
    before, asked_again = _optional_in(visitor, optional), []

    def answered(act: str) -> list[str]:
        visitor.submit("/cookies", {}, action=act)
        asked_again.extend(LexborHTMLParser(visitor.get("/").text).css(QUESTION))
        return _optional_in(visitor, optional)

    refused, accepted, taken_back = answered("/refuse"), answered("/accept"), answered("/refuse")
    steps.expect("before the answer, no optional cookie is stored", not before, _few(before))
    steps.expect("after a no, no optional cookie is stored", not refused, _few(refused))
    steps.expect("after a yes that is taken back, no optional cookie is stored", not taken_back, _few(taken_back))
    steps.expect("whoever has answered is not asked again", not asked_again)
    steps.tell(f"after a yes, {len(accepted)} of {len(optional)} optional cookies were stored")


def _optional_in(visitor: Visitor, optional: set[str]) -> list[str]:
    return [name for name in visitor.cookies if name in optional]
