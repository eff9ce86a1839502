"""Each purpose has one lawful basis, and the right one: by a table of this test's own (PRI-02; GDPR Art. 6(1))."""

from collections import defaultdict

import tests.scratch  # noqa: F401  # Sets Django up.

# isort: split
from glasshouse.vault.datamap import Class, people_rows

# What a person's account needs, and what they ask the service for.
CONTRACT = {
    "addressing the person",
    "pages and mails in the language that the person chose",
    "checking the password",
    "finding a passkey",
    "finding the person",
    "finishing what the person began",
    "naming the device to its person",
    "showing a form again as you wrote it, once you have confirmed who you are",
    "showing a new key to whoever made it, once",
    "signing in and writing to the person",
    "that older links end, and that what waits for an address is found",
    "two-step verification",
    "two-step verification without a device",
}
# Rights, records that a law asks for, and what must be told.
LEGAL_OBLIGATION = {
    "announcing a change of our documents",
    "answering a demand of an authority",
    "answering in the thread of a mail",
    "answering in the thread of the person's mail",
    "answering the agent that asked",
    "answering the request",
    "hearing what people write to the privacy address",
    "doing what a person decided about a purpose",
    "finding a person's mails",
    "finding a person's requests",
    "finding demands about a person",
    "finding the data room whose contact a person is",
    "finding the mails to a person",
    "finding the recipient whose contact a person is",
    "finding what a legal hold keeps",
    "finding what is restricted",
    "finding who received what",
    "finding who was told what",
    "following what was said about an address",
    "keeping data unused while a person wants that",
    "showing how identity was checked",
    "showing what was accepted, and when",
    "showing what was answered",
    "taking in nothing of who objected",
    "telling a recipient of an erasure",
    "weighing who wrote the mail",
    "handing the copy over",
}
# Security, and what concerns persons who have no contract with us.
LEGITIMATE_INTEREST = {
    "delivering the mail",
    "finding what was supplied",
    "fitting the order of pages to what the person uses",
    "inviting the person",
    "mailing a buyer the link to its data room",
    "showing the person its sessions",
    "slowing guessing",
    "supplementing what is held with data of third parties",
    "telling a known browser from a new one",
    "that only the invited address gets in",
    "the inviter's words",
}
CONSENT = {"finding a subscription", "telling of new service providers"}
TABLE = {
    "contract": CONTRACT,
    "legal obligation": LEGAL_OBLIGATION,
    "legitimate interest": LEGITIMATE_INTEREST,
    "consent": CONSENT,
}


def _bases(*classes: Class) -> dict[str, set[str]]:
    bases: dict[str, set[str]] = defaultdict(set)
    for row in people_rows([]):
        if row.entry and row.entry.classification in classes:
            bases[row.entry.purpose].add(str(row.entry.basis))
    return bases


def test_each_purpose_has_exactly_one_basis() -> None:
    bases = _bases(Class.PERSONAL, Class.CONFIDENTIAL)
    assert {purpose: sorted(some) for purpose, some in bases.items() if len(some) > 1} == {}
    assert len(bases) > 40


def test_each_purpose_of_personal_data_has_the_basis_that_a_lawyer_would_give_it() -> None:
    expected = {purpose: {basis} for basis, purposes in TABLE.items() for purpose in purposes}
    assert _bases(Class.PERSONAL) == expected
