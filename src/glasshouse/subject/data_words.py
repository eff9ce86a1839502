"""Words of the data map and of choices, in the reader's language: what is held, why, how long, from whom, who gets it.

The data map knows nothing of languages. Its texts are marked here for the catalogues; tests/architecture/test_data_words.py
holds the list to the map. Pages and the page of an export say them so.
"""

import re
from datetime import date

from django.utils.translation import gettext, gettext_noop

from glasshouse.mail.texts import day as written_day
from glasshouse.mail.texts import each_translated
from glasshouse.subject.activity_words import own_activity
from glasshouse.subject.items import HASH, Item
from glasshouse.vault.datamap import place

UNTIL = re.compile(r"until (\d{4})-(\d\d)-(\d\d)")


def in_words(text: str) -> str:
    """A text of the data map in the reader's language; names of organisations and sources stay as they are."""
    if day := UNTIL.fullmatch(text):
        return gettext("until %(day)s") % {"day": written_day(date(*map(int, day.groups())))}
    return gettext(text) if text else ""


def value_in_words(item: Item) -> str:
    """A value that is held, for its person: what is of ours in it, in their language."""
    if item.place == place("events.Event", "kind"):
        return own_activity(item.value)
    if item.said:
        return gettext(item.said.text) % {name: _part(part) for name, part in item.said.parts.items()}
    return gettext(item.value) if item.value == HASH else item.value


def _part(part: str | int | date | tuple[str, ...]) -> str:
    if isinstance(part, tuple):
        return each_translated(part)
    return written_day(part) if isinstance(part, date) else str(part)


# What each value is: the categories of the data map.
gettext_noop("About the organisation")
gettext_noop("Activity")
gettext_noop("Contact details")
gettext_noop("Email address")
gettext_noop("Kind of browser or device")
gettext_noop("Language")
gettext_noop("Means of signing in")
gettext_noop("Means of two-step verification")
gettext_noop("Name")
gettext_noop("Network that you came from")
gettext_noop("Password, as a hash")
gettext_noop("Pseudonym")
gettext_noop("What was written")
gettext_noop("What you accepted")
gettext_noop("What you gave to begin an account")
gettext_noop("Your choices")
# What it is for.
gettext_noop("addressing the person")
gettext_noop("announcing a change of our documents")
gettext_noop("answering a demand of an authority")
gettext_noop("answering in the thread of a mail")
gettext_noop("answering in the thread of the person's mail")
gettext_noop("answering the agent that asked")
gettext_noop("answering the request")
gettext_noop("checking the password")
gettext_noop("deciding on the request")
gettext_noop("delivering the mail")
gettext_noop("doing what a person decided about a purpose")
gettext_noop("finding a passkey")
gettext_noop("finding a person's mails")
gettext_noop("finding a person's requests")
gettext_noop("finding a subscription")
gettext_noop("finding demands about a person")
gettext_noop("finding the data room whose contact a person is")
gettext_noop("finding the mails to a person")
gettext_noop("finding the person")
gettext_noop("finding the recipient whose contact a person is")
gettext_noop("finding what a legal hold keeps")
gettext_noop("finding what is restricted")
gettext_noop("finding what was supplied")
gettext_noop("finding who received what")
gettext_noop("finding who was told what")
gettext_noop("finishing what the person began")
gettext_noop("fitting the order of pages to what the person uses")
gettext_noop("fitting the order of pages to what you use")
gettext_noop("following what was said about an address")
gettext_noop("handing data to a buyer of the business")
gettext_noop("handing the copy over")
gettext_noop("hearing what people write to the privacy address")
gettext_noop("inviting the person")
gettext_noop("keeping data unused while a person wants that")
gettext_noop("keeping the register of recipients")
gettext_noop("knowing the agents that ask in people's names")
gettext_noop("mailing a buyer the link to its data room")
gettext_noop("naming the customer to its own people")
gettext_noop("naming the device to its person")
gettext_noop("naming the role")
gettext_noop("pages and mails in the language that the person chose")
gettext_noop("selling your data, or sharing it for advertising")
gettext_noop("showing a form again as you wrote it, once you have confirmed who you are")
gettext_noop("showing a new key to whoever made it, once")
gettext_noop("showing how identity was checked")
gettext_noop("showing that the risks of a purpose were assessed")
gettext_noop("showing the customer its own greenhouses")
gettext_noop("showing the person its sessions")
gettext_noop("showing what was accepted, and when")
gettext_noop("showing what was answered")
gettext_noop("showing where third-party data comes from")
gettext_noop("signing in and writing to the person")
gettext_noop("slowing guessing")
gettext_noop("supplementing what is held with data of third parties")
gettext_noop("taking in nothing of who objected")
gettext_noop("telling a known browser from a new one")
gettext_noop("telling a recipient of an erasure")
gettext_noop("telling of new service providers")
gettext_noop("telling tokens apart")
gettext_noop("telling why support was let in")
gettext_noop("telling why the law makes us keep it")
gettext_noop("telling you of new service providers")
gettext_noop("that older links end, and that what waits for an address is found")
gettext_noop("that only the invited address gets in")
gettext_noop("the inviter's words")
gettext_noop("two-step verification")
gettext_noop("two-step verification without a device")
gettext_noop("warning of sign-ins from browsers that were not seen before")
gettext_noop("weighing who wrote the mail")
# Why it may be kept.
gettext_noop("consent")
gettext_noop("contract")
gettext_noop("legal obligation")
gettext_noop("legitimate interest")
# How long.
gettext_noop("1 year after you last pinned something there, or opened a chart")
gettext_noop("30 days after the day")
gettext_noop("1 day after its link ran out")
gettext_noop("1 day after the window of counting")
gettext_noop("1 year after it was last used")
gettext_noop("1 year after it was taken in")
gettext_noop("1 year after it was uploaded")
gettext_noop("1 year after the decision, or 1 year after it was asked, if nobody decided")
gettext_noop("3 years after it ended, to be able to show why something was not deleted")
gettext_noop("3 years after it was passed on, to be able to show it")
gettext_noop("3 years after the change was announced, to be able to show it")
gettext_noop("3 years after the last time, to be able to show who received what")
gettext_noop("1 year after its mail was handed over")
gettext_noop("30 days after it came, unless an officer made it a request")
gettext_noop("30 days after it ended")
gettext_noop("30 days after it was sent, or 90 days after it was written, if it could not be sent")
gettext_noop("30 days after it was uploaded")
gettext_noop("7 days after the link ran out")
gettext_noop("90 days after it ended")
gettext_noop("as long as it must be shown who received something")
gettext_noop("as long as something of it is shown")
gettext_noop("as long as the account exists")
gettext_noop(
    "as long as the account exists, or until it is removed; 1 day after it was begun, if it was never confirmed"
)
gettext_noop("as long as the agreement runs")
gettext_noop("as long as the register of recipients is kept")
gettext_noop("as long as the service runs")
gettext_noop("until a newer one")
gettext_noop("until it ends, 14 days at most")
gettext_noop("until it is ended; 30 days after it was ended, or never proved")
gettext_noop("until it is lifted; 3 years after it was lifted, to be able to show that it was followed")
gettext_noop("until it is shown, 11 minutes at most")
gettext_noop("until the form is shown again, 11 minutes at most")
gettext_noop("while it is open; 3 years after the answer, to be able to show that it was given")
gettext_noop("while it is open; 6 years after it was closed, as long as it may be contested")
gettext_noop(
    "while it is prepared or open; 3 years after it ended, to be able to show what was handed over, or 1 "
    "year after it was prepared, and nobody approved it"
)
gettext_noop("with the request that it belongs to")
gettext_noop("with the value it stands for")
# Who it comes from.
gettext_noop("a mail that names you as its sender")
gettext_noop("a third party")
gettext_noop("an authority")
gettext_noop("the agent")
gettext_noop("the agent that asked in your name")
gettext_noop("the mail's own way here")
gettext_noop("the organisation that answers you")
gettext_noop("the organisation that invites")
gettext_noop("the privacy officer")
gettext_noop("the recipient")
gettext_noop("us")
gettext_noop("you")
gettext_noop("your use of the service")
# Who gets it.
gettext_noop("a phone number, for its codes: the telephone network's provider")
gettext_noop("for text messages: the telephone network's provider")
gettext_noop("the operator's mail server")
gettext_noop("the organisations that the person belongs to")
# Texts that belong to somebody else.
gettext_noop("Everybody there works under it.")
gettext_noop("It is about that person, who is told of it.")
gettext_noop("It is part of that person's request, and stays as long as the request.")
gettext_noop("It is what the organisation works with: every member sees it, and its administrators decide on it.")
gettext_noop("It was written in the operator's office, as its record.")
gettext_noop("They are in those persons' mails, which end 30 days after they were sent.")
gettext_noop("They are published.")
gettext_noop("They are the organisation's record of who was let in, and why.")
gettext_noop("They are the organisation's records of its crop. That you uploaded one is an event, which you see here.")
gettext_noop(
    "They are the organisation's record of what was changed in its readings, and why. That you made one is an event, which you "
    "see here."
)
gettext_noop("They say what members may do, and are the administrators' to change.")
gettext_noop("They stay until they end; your message is taken out of them when you are erased.")
gettext_noop("answers to privacy requests")
gettext_noop("assessments of purposes")
gettext_noop("data rooms of business transfers")
gettext_noop("documents, and what changed in them")
gettext_noop("corrections of readings, with their reasons")
gettext_noop("files of readings: their names, every cell of them, how they are read, and reports")
gettext_noop("invitations that you sent")
gettext_noop("legal requests, and reviews of them")
gettext_noop("names of compartments, and their target ranges")
gettext_noop("names of devices")
gettext_noop("names of roles")
gettext_noop("names of sites, where they lie, their crops and target ranges, and who may mail files to them")
gettext_noop("names of templates, and the headings that they hold")
gettext_noop("notes on privacy requests")
gettext_noop("reasons for which support was let in")
gettext_noop("reasons of legal holds")
gettext_noop("the name of the organisation")
gettext_noop("the operator")
gettext_noop("the register of agents")
gettext_noop("the register of recipients")
gettext_noop("the register of sources")
gettext_noop("what a file of contacts says of somebody")
gettext_noop("what you entered and answered for a privacy request")
gettext_noop("whom it was written to")
gettext_noop("words of yours in mails to others")
gettext_noop("your organisation")
# What a person decides about.
gettext_noop(
    "Partners and public sources sometimes tell us a person's company, role or telephone number. You see it first."
)
gettext_noop("What came from third parties is deleted, and nothing of it is taken in any more.")
gettext_noop(
    "A mail that tells you of a sign-in from a new browser, so that you notice if somebody else has your password."
)
gettext_noop("You get no such mail; the sign-in stands among your sessions all the same.")
gettext_noop(
    "If the operator is bought, data of people with an account may pass to the buyer after notice and a waiting period."
)
gettext_noop("Nothing of you passes; your account ends with the operator.")
gettext_noop("On the overview, places and charts that you pinned come first, then places whose charts you open often.")
gettext_noop(
    "The overview is in the same order for you as for everybody; the days of use that were counted are deleted."
)
gettext_noop("A mail before a provider that would handle personal data is added to the public list.")
gettext_noop("You get no such mail; the list stays open to everybody.")
gettext_noop("We do neither, and nothing here does it. What you say is on record, and counts should that ever change.")
gettext_noop("Nothing: your data is not sold or shared for advertising either way.")
gettext_noop("something is wrong, and I want its use to stop while that is checked")
gettext_noop("it should not be used, but I do not want it erased")
gettext_noop("I need it kept for a legal claim")
gettext_noop("I have objected, and that is not decided yet")
# Documents.
gettext_noop("Privacy notice")
gettext_noop("Terms of use")
gettext_noop("Service agreement")
gettext_noop("Cookie notice")
# What the inventory adds to the map.
gettext_noop("Disclosure")
gettext_noop("Legal hold")
gettext_noop("Membership")
gettext_noop("Passed on")
gettext_noop("a duty to keep what would end")
gettext_noop("deciding what you may do there")
gettext_noop("telling recipients of corrections, restrictions and erasures")
gettext_noop("what you did, for security: opaque ids only")
gettext_noop("3 years after it was passed on")
gettext_noop("3 years after the last time")
gettext_noop("kept, without your name")
gettext_noop("until you leave")
gettext_noop("an administrator")
gettext_noop("kept as a hash only, which tells nobody the value")
# Values of several parts.
gettext_noop("until %(day)s: %(reason)s")
gettext_noop("%(what)s: %(recipient)s, %(way)s")
gettext_noop("by mail")
gettext_noop("not told: no contact is known")
gettext_noop("corrected")
gettext_noop("erased")
gettext_noop("lifted")
gettext_noop("restricted")
gettext_noop("%(fields)s, to %(recipient)s by %(server)s (%(region)s), %(times)s×, last on %(day)s")
gettext_noop("%(fields)s, to %(recipient)s (%(region)s), %(times)s×, last on %(day)s")
gettext_noop("%(organisation)s: %(role)s")
