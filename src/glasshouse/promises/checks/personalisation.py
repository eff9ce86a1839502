"""Checks of what is fitted to a member: PRI-09."""

from django.db import connection
from selectolax.lexbor import LexborHTMLParser

from glasshouse.kernel.ids import new_id
from glasshouse.promises import crop_door, oracle
from glasshouse.promises.findings import Finding, Steps, counted
from glasshouse.promises.registry import check
from glasshouse.promises.stage import Resident, Stage, open_stage

NAMES = (
    "A",
    "B",
    "C",
)  # What the names of the sites begin with, in the order in which the overview has them by itself.
ROWS = "SELECT count(*) FROM personalisation_day WHERE key_owner = %s"
AGAINST = (
    "SELECT count(*) FROM personalisation_day d WHERE (SELECT s.state FROM consent_stance s WHERE s.key_owner = d.key_owner "
    "AND s.purpose = 'personalisation' ORDER BY s.at DESC, s.id DESC LIMIT 1) IN ('objected', 'upheld')"
)
CHANGING = "time, svg, script, .tile-time, [name=csrfmiddlewaretoken]"  # What differs between any two looks at a page.
SHOWN = "main h1, main h2, main p, main a, main button, main form, main input"


@check(
    "PRI-09",
    steps=(
        "A probe makes three sites with a reading each, and has a colleague with the same rights. Both open the overview.",
        "The probe pins the last site, and has charts of the second one open on two days. Both open the overview again.",
        "The probe opens the page of what is fitted, and switches it off there. Both open the overview once more.",
        "The probe has charts open while it is off, and switches it on again.",
    ),
    oracle="The overview's headings, texts and links as both are shown them, without times; the rows of days, read with SQL.",
)
def what_is_fitted() -> Finding:
    """What two members with the same rights see, with pins and use, and with the switch off."""
    steps = Steps()
    with open_stage() as stage:
        person = stage.grower()
        colleague = stage.member(person, "administrator")
        sites = [_site(stage, person, name) for name in NAMES]
        steps.expect("at first both see the same overview", _shown(person) == _shown(colleague))
        steps.expect("in the order of names", _order(person) == [*NAMES], "".join(_order(person)))
        _fitted(steps, person, sites)
        steps.expect("the colleague's order stays", _order(colleague) == [*NAMES], "".join(_order(colleague)))
        _explained(steps, person)
        _switched_off(steps, person, colleague, sites)
        _switched_on(steps, person)
    against = oracle.value(AGAINST)
    steps.expect("no day of use is stored of anybody who objected", not against, counted(against or 0))
    return steps.judged()


def _site(stage: Stage, person: Resident, name: str) -> str:
    """A site with a reading; returns its id."""
    site = stage.site(person, f"{name} {new_id()}")
    crop_door.send(crop_door.device(person, site), "probe air_temp=21.5")
    return site


def _page(person: Resident, path: str = "") -> LexborHTMLParser:
    page = LexborHTMLParser(person.visitor.get(person.page(path)).text)
    for node in page.css(CHANGING):
        node.decompose()
    return page


def _shown(person: Resident) -> list[tuple[str, ...]]:
    """The overview's headings, texts, links and forms."""
    return [
        (" ".join(node.text().split()), *(str(node.attributes.get(name)) for name in ("href", "action", "value", "id")))
        for node in _page(person).css(SHOWN)
    ]


def _order(person: Resident) -> list[str]:
    """What the sites' names begin with, as the overview has them from the top."""
    return [node.text().strip()[:1] for node in _page(person).css("main h2")]


def _days(person: Resident) -> int:
    return int(oracle.value(ROWS, person.person) or 0)


def _use(person: Resident, site: str) -> None:
    """What the page of charts tells when charts of a site stayed open for a while."""
    person.visitor.post(person.page("fitted/use"), {"place": site})


def _fitted(steps: Steps, person: Resident, sites: list[str]) -> None:
    person.visitor.submit(person.page(), {"place": sites[2]}, action="/fitted/pin")
    _use(person, sites[1])
    with connection.cursor() as cursor:  # No check waits for another day.
        cursor.execute(
            "UPDATE personalisation_day SET at = at - interval '1 day' WHERE key_owner = %s", [person.person]
        )
    _use(person, sites[1])
    steps.expect("two days of use are stored", _days(person) == 2, str(_days(person)))
    order = _order(person)
    steps.expect("what is pinned comes first, then what is used", order == ["C", "B", "A"], "".join(order))
    sections = [section for section in _page(person).css("main section") if section.css_first("h2")]
    reasons = [" ".join(node.text() for node in section.css("p.hint")) for section in sections]
    said = ["".join(part for part in ("pinned", "on 2 of") if part in reason) or reason for reason in reasons]
    steps.expect("each place that moved says why, and no other says anything", said == ["pinned", "on 2 of", ""])
    linked = [bool(section.css('a[href$="/fitted"]')) for section in sections]
    steps.expect("and leads to the page of what is fitted", linked == [True, True, False])


def _explained(steps: Steps, person: Resident) -> None:
    rows = [" ".join(row.text().split())[:1] for row in _page(person, "fitted").css("main tbody tr")]
    steps.expect("that page lists all of it", rows == ["C", "B"], "".join(rows))


def _switched_off(steps: Steps, person: Resident, colleague: Resident, sites: list[str]) -> None:
    for member in (person, colleague):
        member.visitor.submit(member.page("fitted"), {}, action="/fitted/off")
    steps.expect("switched off, both see the same overview", _shown(person) == _shown(colleague))
    steps.expect("in the order of names again", _order(person) == [*NAMES], "".join(_order(person)))
    steps.expect("the days of use are gone", _days(person) == 0, str(_days(person)))
    _use(person, sites[0])
    steps.expect("and none is stored while it is off", _days(person) == 0, str(_days(person)))


def _switched_on(steps: Steps, person: Resident) -> None:
    person.visitor.submit(person.page("fitted"), {}, action="/fitted/on")
    order = _order(person)
    steps.expect("switched on again, what is pinned comes first", order == ["C", "A", "B"], "".join(order))
