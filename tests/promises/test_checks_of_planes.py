"""SEC-07, SEC-10: listeners, answers, keys and credentials that are not as they should be turn the checks red."""

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from glasshouse.operations.installation import Installation
from tests.promises.breaking import done_and_undone
from tests.promises.test_checks_of_access import broken, not_verified

# -- SEC-07 --------------------------------------------------------------------------------------------------------


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """A listener in the clear, of a process of this deployment, that nobody's list names."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                with link:
                    link.recv(1000)
                    link.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"hello\n", b""])
def test_sec_07_sees_a_listener_in_the_clear_that_no_list_names(answer: bytes) -> None:
    with listening(answer) as port:
        not_verified("SEC-07", f"port {port}")


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_sec_07_sees_a_mail_listener_that_takes_mail_in_the_clear() -> None:
    from glasshouse.promises.sink import Sink

    sink = Sink(encrypts=False)
    port = sink.open()
    try:
        not_verified("SEC-07", f"port {port}")
    finally:
        sink.close()


@pytest.mark.usefixtures("home")
def test_sec_07_lets_a_redirect_to_https_be() -> None:
    from tests.checking import checked

    with listening(
        b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n"
    ) as port:
        finding = checked("SEC-07")
        assert str(finding.state) == "verified", finding
        assert any(f"port {port}" in line and "lead to HTTPS" in line for line in finding.evidence)


@pytest.mark.long
@pytest.mark.usefixtures("home")
def test_sec_07_sees_an_old_version_a_short_life_and_lax_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the doors show is measured: held to more than they keep, it is not enough."""
    import ssl
    from datetime import timedelta

    from glasshouse.promises.checks import operations

    monkeypatch.setattr(operations, "WEAK", (ssl.TLSVersion.TLSv1_2,))
    not_verified("SEC-07", "refuses TLSv1_2")
    monkeypatch.undo()
    monkeypatch.setattr(operations, "LEAST_LEFT", timedelta(days=91))
    not_verified("SEC-07", "its certificate is valid")
    monkeypatch.undo()
    monkeypatch.setattr(operations, "LEAST_HSTS_S", operations.LEAST_HSTS_S + 1)
    not_verified("SEC-07", "keeps browsers to HTTPS")


@pytest.mark.usefixtures("home")
def test_sec_07_sees_mail_that_leaves_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a test is this process: here it sends on where encryption is refused."""
    from glasshouse.mail import smtp

    honest = smtp._Limited.starttls

    def careless(self: smtplib.SMTP, *arguments: object, **more: object) -> object:
        try:
            return honest(self, *arguments, **more)  # type: ignore[arg-type]
        except smtplib.SMTPNotSupportedError:
            return None

    monkeypatch.setattr(smtp._Limited, "starttls", careless)
    not_verified("SEC-07", "offers no encryption is given no mail")


@pytest.mark.usefixtures("home")
def test_sec_07_sees_mail_that_leaves_to_whoever_shows_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    from glasshouse.mail import smtp

    honest, anybody = smtp._Limited.starttls, ssl._create_unverified_context()  # noqa: S323
    monkeypatch.setattr(smtp._Limited, "starttls", lambda self, **_: honest(self, context=anybody))
    not_verified("SEC-07", "of its own making is given no mail")


# -- SEC-10 --------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("break_it", "mend_it", "words"),
    [
        (
            "GRANT SELECT ON accounts_person TO glasshouse_relay",
            "REVOKE SELECT ON accounts_person FROM glasshouse_relay",
            "glasshouse_relay: accounts_person",
        ),
        ("CREATE FOREIGN DATA WRAPPER bridge", "DROP FOREIGN DATA WRAPPER bridge", "reaches another one"),
    ],
)
def test_sec_10_sees_a_bridge_between_stores(home: Installation, break_it: str, mend_it: str, words: str) -> None:
    with broken(home, break_it, mend_it):
        not_verified("SEC-10", words)


@pytest.mark.parametrize(
    ("break_it", "mend_it", "words"),
    [
        (
            "CREATE ROLE glasshouse_support LOGIN; GRANT CONNECT ON DATABASE vault TO glasshouse_support",
            "REVOKE CONNECT ON DATABASE vault FROM glasshouse_support; DROP ROLE glasshouse_support",
            "no role that works for pages",
        ),
        (
            "GRANT UPDATE ON vault_ledger TO glasshouse_vault",
            "REVOKE UPDATE ON vault_ledger FROM glasshouse_vault",
            "line of the ledger",
        ),
        (
            "GRANT EXECUTE ON FUNCTION glasshouse_enter(text, text) TO glasshouse_vault",
            "REVOKE EXECUTE ON FUNCTION glasshouse_enter(text, text) FROM glasshouse_vault",
            "only what erases",
        ),
        (
            "GRANT DELETE ON vault_data_key TO glasshouse_erasure",
            "REVOKE DELETE ON vault_data_key FROM glasshouse_erasure",
            "delete a key's row",
        ),
        (
            "GRANT UPDATE (wrapped) ON vault_data_key TO glasshouse_vault",
            "REVOKE UPDATE (wrapped) ON vault_data_key FROM glasshouse_vault",
            "overwrite a key",
        ),
    ],
)
def test_sec_10_sees_who_reaches_the_key_store(home: Installation, break_it: str, mend_it: str, words: str) -> None:
    with done_and_undone(home, break_it, mend_it, "vault"):
        not_verified("SEC-10", words)


def test_sec_10_sees_a_key_that_others_may_read(home: Installation) -> None:
    key = home.keys / "crops" / "token.key"
    key.chmod(0o644)
    try:
        not_verified("SEC-10", "their owner alone")
    finally:
        key.chmod(0o600)


def test_sec_10_sees_a_key_that_both_planes_have(home: Installation) -> None:
    copy = home.keys / "people" / "wal.key"
    copy.write_bytes((home.keys / "crops" / "wal.key").read_bytes())
    copy.chmod(0o600)
    try:
        not_verified("SEC-10", "one of the other's")
    finally:
        copy.unlink()


@pytest.mark.usefixtures("home")
def test_sec_10_sees_a_column_that_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises.checks import crops

    known = {table: columns - {"tags"} for table, columns in crops.MAY_HOLD.items()}
    monkeypatch.setattr(crops, "MAY_HOLD", known)
    not_verified("SEC-10", "none of a person")


@pytest.mark.usefixtures("home")
def test_sec_10_sees_a_name_that_the_crop_store_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from glasshouse.promises import crop_door
    from glasshouse.promises.checks import crops

    honest = crops._sent

    def telling(stage: object) -> object:
        sent = honest(stage)  # type: ignore[arg-type]
        crop_door.send(sent.key, f"probe,grower={sent.owner.person} air_temp=21.5")
        return sent

    monkeypatch.setattr(crops, "_sent", telling)
    not_verified("SEC-10", "knows no name, address or id")
