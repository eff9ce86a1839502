"""Checks of the listeners of this installation: SEC-07."""

import contextlib
import ssl

from django.conf import settings

from glasshouse.promises import evidence
from glasshouse.promises.findings import Finding, judge
from glasshouse.promises.registry import check


@check("SEC-07")
def transport() -> Finding:
    """Each listener speaks TLS 1.2 or newer, refuses older, and answers no plain HTTP."""
    authority, wrong, good = settings.TLS_FOLDER / "ca.crt", [], []
    for port in evidence.listeners():
        good.append(evidence.handshake(port, authority))
        with contextlib.suppress(OSError):  # Refused, as it must be.
            wrong.append(f"port {port} accepts {evidence.handshake(port, authority, version=ssl.TLSVersion.TLSv1_1)}")
        if evidence.plaintext_answer(port).startswith(b"HTTP/"):
            wrong.append(f"port {port} answers plain HTTP")
    port = settings.MAIL_PORT
    good.append(evidence.mail_handshake(port, authority))
    with contextlib.suppress(OSError):  # Refused, as it must be.
        wrong.append(
            f"the mail port accepts {evidence.mail_handshake(port, authority, version=ssl.TLSVersion.TLSv1_1)}"
        )
    if evidence.mail_in_the_clear(port):
        wrong.append("the mail port takes mail in the clear")
    return judge(
        not wrong, "; ".join(wrong) or f"{len(good)} listeners, {' and '.join(sorted(set(good)))}; 1.1 refused"
    )
