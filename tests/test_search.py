"""Search by name: everything that bears a name which the reader may see, and nothing else."""

import re
from collections.abc import Callable

import httpx

from glasshouse.greenhouse import api as greenhouse
from glasshouse.greenhouse import finding
from glasshouse.kernel.ids import SiteId
from glasshouse.kernel.wanted import fitting, plain
from tests.conftest import Customer, post

Make, Join, Web = Callable[[], Customer], Callable[..., Customer], Callable[..., httpx.Client]


def test_all_words_count_in_any_order_whatever_their_case_and_accents() -> None:
    names = ["Gewächshaus Süd", "SUD 2", "Straße 7", "North house", "ﬁlter"]
    assert fitting(names, "sud", str, 9) == (["SUD 2", "Gewächshaus Süd"], 2)
    assert fitting(names, "SÜD gewachs", str, 9) == (["Gewächshaus Süd"], 1)
    assert fitting(names, "STRASSE", str, 9) == (["Straße 7"], 1)
    assert fitting(names, "filt", str, 9) == (["ﬁlter"], 1)
    assert fitting(names, "  ", str, 9) == ([], 0)
    assert fitting([str(number) for number in range(100)], "1", str, 5)[1] == 19
    assert plain("İ") == plain("i̇")


def found(client: httpx.Client, who: Customer, words: str) -> str:
    answer = post(client, f"/o/{who.organisation}/search", f"/o/{who.organisation}/search", query=words)
    assert answer.status_code == 200
    main = re.search(r"<main.*?</main>", answer.text, re.S)
    assert main
    return main[0]


def test_sites_compartments_devices_members_and_pages_are_found(customer: Make, join: Join, web: Web) -> None:
    own = customer()
    worker = join(own, "viewer")
    site = greenhouse.create_site(own.actor, {"name": "Süd <b>7</b>", "time_zone": "Europe/Rome"})
    compartment = greenhouse.create_compartment(own.actor, site, "Nursery of Süd")
    greenhouse.create_device(own.actor, site, str(compartment), "Süd logger")
    client = web(own)
    page = found(client, own, "sud")
    assert "Süd &lt;b&gt;7&lt;/b&gt;" in page
    assert "Nursery of Süd" in page
    assert "Süd logger" in page
    assert f"?site={site}" in page
    assert worker.address in found(client, own, worker.address.partition("@")[0])
    assert f'href="/o/{own.organisation}/settings"' in found(client, own, "setti")
    assert "Nothing has this name" in found(client, own, "no such thing")
    assert "Nothing has this name" not in found(client, own, "")
    assert "Nothing has this name" in found(client, own, "x" * 5000)


def test_only_what_the_role_shows_is_found(customer: Make, join: Join, web: Web) -> None:
    own, other = customer(), customer()
    hidden = greenhouse.create_site(own.actor, {"name": "Hidden orchard", "time_zone": "Europe/Rome"})
    greenhouse.create_compartment(own.actor, hidden, "Hidden orchard east")
    narrow = join(own, "viewer", [own.site])
    assert "Hidden orchard" in found(web(own), own, "orchard")
    assert "Nothing has this name" in found(web(narrow), own, "orchard")
    assert other.address not in found(web(own), own, "@grower.example")
    away = f"/o/{own.organisation}/search"
    assert post(web(other), away, f"/o/{other.organisation}/search", query="orchard").status_code == 404
    assert web().get(away).status_code == 302


def test_many_names_are_counted_and_a_part_of_them_is_shown(customer: Make, web: Web) -> None:
    own = customer()
    for number in range(finding.MOST_SHOWN + 3):
        greenhouse.create_compartment(own.actor, SiteId(own.site), f"Bay {number:02}")
    page = found(web(own), own, "bay")
    assert page.count("Bay ") == finding.MOST_SHOWN
    assert f"{finding.MOST_SHOWN} of {finding.MOST_SHOWN + 3} are shown" in page


def test_the_search_stands_in_the_menu_of_an_organisation_only(customer: Make, web: Web) -> None:
    own = customer()
    client = web(own)
    assert f'action="/o/{own.organisation}/search"' in client.get(f"/o/{own.organisation}/sites").text
    assert "data-search" not in client.get("/account/data").text
