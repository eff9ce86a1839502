"""Bodies at the web door: who is not signed in sends little, who is slow holds up nobody, and nothing lies readable meanwhile."""

import os
import re
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from glasshouse.operations.installation import Installation
from tests.checking import checked
from tests.conftest import Customer

Web = Callable[..., httpx.Client]
BOUNDARY = "xxBOUNDARYxx"
HOST = b"localhost:%d"


@contextmanager
def wire(home: Installation, source: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    """A bare connection to the web door."""
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    with (
        socket.create_connection(("127.0.0.1", home.port), 20, source_address=(source, 0)) as link,
        trust.wrap_socket(link, server_hostname="localhost") as secured,
    ):
        yield secured


def head(path: str, length: int | str, kind: str = "application/x-www-form-urlencoded", more: str = "") -> bytes:
    size = "Transfer-Encoding: chunked" if length == "chunked" else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{size}\r\n{more}\r\n".encode()


def answer(link: ssl.SSLSocket) -> str:
    """What came until the other end closed."""
    told = b""
    with ExitStack() as stack:
        stack.callback(link.settimeout, 20)
        while piece := link.recv(65536):
            told += piece
    return told.decode(errors="replace")


def some_peer() -> str:
    return f"127.{secrets.randbelow(250) + 1}.{secrets.randbelow(250)}.7"


def test_unfinished_bodies_of_one_peer_leave_others_undisturbed(home: Installation, web: Web) -> None:
    peer = some_peer()
    with ExitStack() as stack:
        links = [stack.enter_context(wire(home, peer)) for _ in range(60)]
        for link in links:
            more = f"Cookie: __Host-csrf={'a' * 32}\r\nReferer: {home.origin}/\r\n"  # so that the form is read
            begun = head("/sign-in", 1000, more=more).replace(b"localhost", HOST % home.port, 1)
            link.sendall(begun + b"address=a")
        client = web()
        client.timeout = httpx.Timeout(5)
        assert client.get("/sign-in").status_code == 200
        assert client.post("/sign-in", data={"address": "a"}).status_code == 403  # without a form's token
        refused = 0
        for link in links:
            link.settimeout(0.05)
            try:
                refused += b" 429 " in link.recv(2000)
            except TimeoutError:
                continue
        assert refused == 60 - 32


@pytest.mark.parametrize("path", ["/sign-in", "/privacy", "/o/0123456789abcdef/import", "/v1/contacts", "/nowhere"])
@pytest.mark.parametrize("length", [400_000_000, 10**18, "chunked"])
def test_nobody_sends_much_without_signing_in(home: Installation, path: str, length: int | str) -> None:
    with wire(home, some_peer()) as link:
        link.sendall(
            head(path, length, f"multipart/form-data; boundary={BOUNDARY}", "Cookie: __Host-session=forged\r\n")
        )
        piece = b"x" * 16384
        for _ in range(0 if length != "chunked" else 20):
            link.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        told = answer(link)
    assert told.startswith("HTTP/1.1 413 "), told[:200]
    assert re.search(r"at most (64|256)\.0 KB", told), told[-900:]
    assert "strict-transport-security" in told


def test_a_signed_in_person_sends_more_but_not_anything(
    home: Installation, web: Web, customer: Callable[[], Customer]
) -> None:
    own = customer()
    client = web(own)
    session = client.cookies.get("__Host-session")
    for path, length in (("/account/password", 3_000_000), (f"/o/{own.organisation}/import", 80 << 20)):
        with wire(home, some_peer()) as link:
            link.sendall(head(path, length, more=f"Cookie: __Host-session={session}\r\n"))
            assert answer(link).startswith("HTTP/1.1 413 ")
    other = customer()
    with wire(home, some_peer()) as link:  # another customer's import takes no file from here
        link.sendall(head(f"/o/{other.organisation}/import", 5 << 20, more=f"Cookie: __Host-session={session}\r\n"))
        assert answer(link).startswith("HTTP/1.1 413 ")


@pytest.mark.parametrize("what", ["fields", "files", "bare parts", "no boundary", "broken", "nul", "encoding"])
def test_a_strange_form_is_refused_and_no_error_of_ours(web: Web, customer: Callable[[], Customer], what: str) -> None:
    own = customer()
    client = web(own)
    path = f"/o/{own.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/account").text)
    assert token
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"%s\r\n\r\nx\r\n'
    bodies = {
        "fields": (kind, part % "" * 100_000),
        "files": (kind, part % '; filename="a"' * 100_000),
        "bare parts": (kind, f"--{BOUNDARY}\r\n\r\nx\r\n" * 100_000),
        "no boundary": ("multipart/form-data", "x"),
        "broken": (kind, f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\r\n\r\n"),
        "nul": ("application/x-www-form-urlencoded", f"csrfmiddlewaretoken={token[1]}&place=a%00b&name=%00"),
        "encoding": ("application/x-www-form-urlencoded; charset=rot13", f"csrfmiddlewaretoken={token[1]}&place=a"),
    }
    form, body = bodies[what]
    began = time.monotonic()
    reply = client.post(path, content=body, headers={"Content-Type": form, "X-CSRFToken": token[1]})
    assert 400 <= reply.status_code < 500, reply.status_code
    assert "Glasshouse" in reply.text
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_head_that_is_too_large_is_refused(web: Web, method: str) -> None:
    client = web()
    assert client.request(method, "/sign-in?next=" + "a" * 40_000).status_code == 414
    assert client.request(method, "/" + "a" * 10_000).status_code == 414
    assert client.request(method, "/sign-in?" + "a=1&" * 3000).status_code in (400, 403)
    assert client.request(method, "/sign-in", headers={"X-Long": "a" * 40_000}).status_code == 431
    assert client.request(method, "/sign-in", headers={f"X-{n}": "a" for n in range(120)}).status_code == 431
    assert client.request(method, "/sign-in%00").status_code == 400
    assert client.get("/sign-in?next=%00").status_code == 400


def test_what_the_page_needs_of_a_request_still_comes(home: Installation, web: Web) -> None:
    client = web()
    reply = client.get("/static/glasshouse.css", headers={"Accept-Encoding": "identity"})
    assert reply.status_code == 200
    assert len(reply.content) == int(reply.headers["content-length"])
    assert client.head("/sign-in").content == b""
    trust = ssl.create_default_context(cafile=home.keys / "tls" / "ca.crt")
    with httpx.Client(base_url=home.origin, http2=True, verify=trust) as modern:
        page = modern.get("/sign-in")
        assert page.http_version == "HTTP/2"
        assert page.status_code == 200
        assert "max-age" in page.headers["strict-transport-security"]
        assert modern.post("/sign-in", content=b"x" * 300_000).status_code == 413
    assert client.get("/health").json() == {"status": "pass"}


def _web_process(home: Installation) -> int:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = path.joinpath("cmdline").read_bytes(), path.joinpath("environ").read_bytes()
        except OSError:
            continue
        if b"glasshouse.operations.web" in command and f"GLASSHOUSE_DATA={home.data}\0".encode() in environment:
            return int(path.name)
    raise AssertionError("no web process")


def _holding(folder: Path, needle: bytes) -> list[str]:
    found = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            try:
                if path.is_file() and not path.is_symlink() and path.stat().st_mtime > time.time() - 600:
                    found += [str(path)] if needle in path.read_bytes() else []
            except OSError:
                continue
    return found


def test_a_killed_upload_leaves_nothing_readable(
    home: Installation, web: Web, customer: Callable[[], Customer]
) -> None:
    from glasshouse.promises import readable

    own = customer()
    client = web(own)
    session = client.cookies.get("__Host-session")
    canary = f"canary{secrets.token_hex(8)}".encode()
    line = b"2024-05-31 12:00,1," + canary + b"\n"
    with wire(home, some_peer()) as link:
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        cookies = f"Cookie: __Host-session={session}; __Host-csrf={client.cookies.get('__Host-csrf')}\r\n"
        more = f"{cookies}Referer: {home.origin}/\r\nX-CSRFToken: {client.cookies.get('__Host-csrf')}\r\n"
        link.sendall(
            head(f"/o/{own.organisation}/import", 30 << 20, kind, more).replace(b"localhost", HOST % home.port, 1)
        )
        link.sendall(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'.encode())
        link.sendall(line * ((8 << 20) // len(line)))
        ends = time.monotonic() + 60
        while (
            not (open_files := [file.name for file in readable._open_elsewhere(home.data)]) and time.monotonic() < ends
        ):
            time.sleep(0.05)  # until the process has taken in what was sent
        assert [name for name in open_files if "spool" in name]
        assert not readable.look(home.data, [canary.decode()], began=time.time() - 60).places
        process = _web_process(home)
        os.killpg(process, signal.SIGKILL)
    assert _holding(home.data, canary) == []
    assert _holding(Path("/tmp"), canary) == []
    assert _holding(Path("/var/tmp"), canary) == []
    ends = time.monotonic() + 90
    while time.monotonic() < ends:
        try:
            assert web().get("/sign-in").status_code == 200
            break
        except httpx.TransportError:
            time.sleep(0.1)


@pytest.mark.long
@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/dev/shm"])
def test_sec_08_sees_a_value_in_a_folder_that_the_processes_write(
    home: Installation, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    from glasshouse.promises import filled

    honest, leak = filled.send_reading, Path(folder) / f"glasshouse-leak-{secrets.token_hex(6)}"

    def leaky(key: str, line: str) -> int:
        leak.write_text(line)
        return honest(key, line)

    monkeypatch.setattr(filled, "send_reading", leaky)
    try:
        finding = checked("SEC-08")
    finally:
        leak.unlink()
    assert str(finding.state) == "not verified", finding
    assert leak.name in finding.figure


@pytest.mark.parametrize("split", [False, True])
def test_cookies_that_come_in_several_headers_are_all_read(
    home: Installation, customer: Callable[[], Customer], web: Web, split: bool
) -> None:
    """Browsers split cookies over HTTP/2. Source: RFC 9113, 8.2.3."""
    own = customer()
    client = web(own)
    page = f"/o/{own.organisation}/import"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
    assert token
    rows = "".join(f"2026-01-01 {minute // 60 % 24:02}:{minute % 60:02},{minute}.5\n" for minute in range(9000))
    fields = {"csrfmiddlewaretoken": token[1], "place": own.site}
    request = client.build_request(
        "POST", page, data=fields, files={"file": ("a.csv", f"time,air_temp\n{rows}".encode(), "text/csv")}
    )
    body = request.read()
    assert len(body) > 64 * 1024
    cookies = [f"{name}={value}" for name, value in client.cookies.items()]
    assert len(cookies) >= 2
    lines = "".join(f"Cookie: {cookie}\r\n" for cookie in (cookies if split else ["; ".join(cookies)]))
    more = f"{lines}Referer: {home.origin}/\r\nConnection: close\r\n"
    with wire(home, some_peer()) as link:
        sent = head(page, len(body), request.headers["content-type"], more).replace(
            b"Host: localhost\r\n", f"Host: localhost:{home.port}\r\n".encode()
        )
        link.sendall(sent + body)
        assert answer(link).startswith("HTTP/1.1 302")
