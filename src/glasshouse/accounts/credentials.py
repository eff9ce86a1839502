"""What ends when an address or a credential changes: one function, called by everything that changes one.

Whoever held an email link, a session elsewhere or an open removal of the second factor got it under the old address or the old
credentials, perhaps as the very attacker whom the change shuts out. Source: SEC-05, SEC-06; OWASP ASVS 5.0, 7.4.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from glasshouse.accounts import links, sessions
from glasshouse.accounts.models import Account, FactorReset, Session
from glasshouse.accounts.own import STORAGE, own
from glasshouse.events import api as events
from glasshouse.events.kinds import Kind
from glasshouse.kernel.actor import JOB, Actor
from glasshouse.kernel.ids import SessionId


def changed(
    actor: Actor,
    account: Account,
    *address_hashes: str,
    keep: SessionId | None = None,
    end_sessions: bool = True,
    end_tokens: bool = False,
) -> None:
    """End what was handed out before: every email link, every session but `keep`, and a removal that waits for its day.

    In the caller's transaction. address_hashes: the old and the new address, where that is what changed. A removal of the
    second factor goes too, because its stop link goes: nobody could stop it any more. end_tokens: API tokens, too, where a
    thief may have been in, who could have made them.
    """
    links.end_for(account.person_id, account.person.address_hash, *address_hashes)
    if FactorReset.objects.filter(account=account).delete()[0]:
        events.record(actor, Kind.SECOND_FACTOR_RESET_STOPPED, account.id)
    if end_tokens:
        end_access(account, keep=keep)
    elif end_sessions:
        sessions.end_all(account, keep=keep)


def end_access(account: Account, *, keep: SessionId | None = None) -> None:
    """End every session but `keep`, the trust in every browser, and every API token, in all organisations.

    In the caller's transaction. A token counts for the generation of the account in which it was made.
    """
    sessions.end_all(account, keep=keep)
    Account.objects.filter(id=account.id).update(token_generation=F("token_generation") + 1)


def sign_out(actors: Iterable[Actor] | None) -> int:
    """As the operator: end_access for people, each on record; returns how many sessions that ends. None: for everybody."""
    accounts = (
        Account.objects.all() if actors is None else Account.objects.filter(id__in=[each.account for each in actors])
    )
    count = 0
    with own(STORAGE):
        for account in accounts.iterator(chunk_size=500):
            with transaction.atomic():
                count += Session.objects.filter(account=account).count()
                end_access(account)
                events.record(JOB, Kind.SESSION_ENDED, account.id)
    return count
