"""Runs one check. It fails closed: only a check that ends by itself can say *verified*."""

import structlog
from django.db import connection
from django.urls import get_resolver

from glasshouse.kernel.errors import GlasshouseError, stack_of
from glasshouse.promises import checks, findings, oracle, registry
from glasshouse.promises.findings import Finding, State

log = structlog.stdlib.get_logger("glasshouse.promises")
checks.load()  # A module that cannot be imported, or registers wrongly, stops the start.


def run(promise: str) -> Finding:
    """Run a promise's check. A promise without a check is *not checked*.

    A check that raises is *cannot tell*, but where it has seen by then that something is not as promised.
    """
    if promise not in registry.CHECKS:
        return Finding(State.NOT_CHECKED, "no check yet")
    with findings.one_check(), oracle.connections_held():
        return _judged(promise)


def _judged(promise: str) -> Finding:
    try:
        # Pages declare themselves when they are read. A check that runs alone must find them declared.
        get_resolver().url_patterns  # noqa: B018
        return registry.CHECKS[promise]()
    except GlasshouseError as error:
        return findings.broken_off(str(error)[:200])
    except Exception as error:  # noqa: BLE001 - noted in the log, without its text
        # Only the class is shown: the text may hold a path or a value, and the page is public.
        log.error("promise check failed", promise=promise, stack=stack_of(error))
        return findings.broken_off(f"the check itself failed with {type(error).__name__}")
    finally:
        if connection.needs_rollback and not connection.in_atomic_block:
            connection.close()
