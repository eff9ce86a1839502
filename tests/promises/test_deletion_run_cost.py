"""A deletion run asks once for each customer whether anything is to be done, whatever the number of tables."""

from collections.abc import Callable
from unittest.mock import patch

from glasshouse.access import api as access
from glasshouse.kernel.actor import Actor
from glasshouse.retention import api as retention
from tests.conftest import Customer

QUESTIONS = 3  # of a customer of whom nothing is due: what ends, what is emptied, which keys are in use


def _times_acted_for(actor: Actor, act: Callable[[], object]) -> int:
    """How often the database is told that the job acts for the actor's organisation."""
    with patch.object(access, "_tell_database", wraps=access._tell_database) as told:
        act()
    return sum(call.args[0].organisation == actor.organisation for call in told.call_args_list)


def test_a_customer_of_whom_nothing_is_due_costs_few_questions(customer: Callable[[], Customer]) -> None:
    own = customer()
    retention.run_deletions()  # What is due of other tests' rows goes.
    assert 0 < _times_acted_for(own.actor, retention.run_deletions) <= QUESTIONS
    assert _times_acted_for(own.actor, retention.due) == 0, "one question counts what is due of all customers"
