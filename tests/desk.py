"""The officer's queue, as tests look at it: a request wherever in the list it stands, and the text of its page."""

import re
from typing import Any

import httpx

from glasshouse.kernel.actor import Actor


def listed(actor: Actor, number: str) -> Any:
    """A request's row in the queue of an officer. Raises KeyError where it is not listed."""
    from glasshouse.requests import worklist
    from glasshouse.requests.models import Request
    from glasshouse.requests.queue_filter import QueueFilter

    people = Request.objects.values_list("address_hash", flat=True).get(id=number)
    rows = {row.request.id: row for row in worklist.worklist(actor, QueueFilter(people=people))}
    return rows[number]


def order_of(actor: Actor) -> list[str]:
    """The numbers of all open requests, in the order of an officer's queue, through all of its pieces."""
    from glasshouse.requests import worklist

    numbers, after = [], ""
    while True:
        piece = worklist.worklist(actor, after=after)
        numbers += [row.request.id for row in piece]
        if not (after := piece.after):
            return numbers


def page_of(client: httpx.Client, number: str) -> str:
    """The page of one request."""
    return client.get(f"/staff/requests/{number}").text


def plain(page: str) -> str:
    """A page's text, without its markup and what somebody wrote."""
    page = re.sub(r"<blockquote>.*?</blockquote>", "", page[page.index("<main") :], flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
