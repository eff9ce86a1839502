"""Starts a demo under names of its own, visits it as clients do, runs checks, stops it; prints what it saw as JSON.

Runs in a network where the names lead to loopback (`namespace.py`): `python -m tests.hosting.visiting PLAN`, a `Plan` as JSON.
"""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.hosting.namespace import CLIENT

CLI = [sys.executable, "-m", "glasshouse.cli"]
FORGED = "203.0.113.7"


@dataclass(frozen=True)
class Place:
    """Where clients go: addresses of web and crops, and a file of whom they trust there."""

    web: str
    crops: str
    authority: str


@dataclass(frozen=True)
class Plan:
    """configuration: file. places: by name. proxy: the configuration of haproxy; "": none. checks: promises to check."""

    configuration: str
    places: dict[str, Place]
    proxy: str
    checks: list[str]


def client(origin: str, authority: str, network: str = "") -> httpx.Client:
    """A client that knows the name and whom to trust. network: the address that it comes from, which says IPv4 or IPv6."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    transport = httpx.HTTPTransport(verify=context, local_address=network or None)
    return httpx.Client(base_url=origin, transport=transport, timeout=60)


def names_shown(origin: str, authority: str) -> list[str]:
    """The names in the certificate that is shown there."""
    parts = urlsplit(origin)
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with (
        socket.create_connection((str(parts.hostname), parts.port or 443), 10) as link,
        context.wrap_socket(link, server_hostname=parts.hostname) as secured,
    ):
        shown = secured.getpeercert() or {}
    return sorted(name for kind, name in shown.get("subjectAltName", ()) if kind == "DNS")


def visit(place: Place, address: str, password: str) -> dict[str, Any]:
    """What clients meet at one place."""
    seen: dict[str, Any] = {}
    with client(place.web, place.authority, CLIENT) as visitor:
        visitor.headers["X-Forwarded-For"] = FORGED
        page = visitor.get("/sign-in")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"address": address, "password": password, "csrfmiddlewaretoken": token[1] if token else ""}
        signed = visitor.post("/sign-in", data=form, headers={"Referer": f"{place.web}/sign-in"})
        seen["signed in"] = signed.status_code
        seen["cookies"] = sorted({cookie.domain for cookie in visitor.cookies.jar})
        shown = visitor.get("/account/security").text
        seen["networks on the page of sessions"] = [
            each for each in ("192.0.2.0/24", "203.0.113", "this machine", "::") if each in shown
        ]
        headers = {"Referer": f"{place.crops}/sign-in", "Origin": place.crops}
        seen["form from the crops door"] = visitor.post("/sign-in", data=form, headers=headers).status_code
    for name, network in (("IPv4", "127.0.0.1"), ("IPv6", "::1")):
        with client(place.web, place.authority, network) as visitor:
            seen[f"web over {name}"] = visitor.get("/trust").status_code
        with client(place.crops, place.authority, network) as visitor:
            seen[f"crops over {name}"] = visitor.get("/ping").status_code
    for name, origin, host in (
        ("web under the name of crops", place.web, urlsplit(place.crops).netloc),
        ("crops under the name of web", place.crops, urlsplit(place.web).netloc),
        ("web under localhost", place.web, "localhost"),
    ):
        with client(origin, place.authority) as visitor:
            seen[name] = visitor.get("/ping", headers={"Host": host}).status_code
    seen["names"] = [names_shown(origin, place.authority) for origin in (place.web, place.crops)]
    return seen


def visit_proxy(place: Place) -> dict[str, Any]:
    """What only a proxy answers."""
    seen: dict[str, Any] = {}
    host = str(urlsplit(place.web).hostname)
    seen["in the clear"] = [
        (answer.status_code, answer.headers.get("location"))
        for answer in [httpx.get(f"http://{host}/trust", timeout=90)]
    ]
    seen["two hosts"] = raw(host, place.authority, f"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")
    crops = str(urlsplit(place.crops).hostname)
    head = f"POST /api/v2/write HTTP/1.1\r\nHost: {crops}\r\nContent-Length: {40 << 20}\r\n\r\nx"
    seen["a large body"] = raw(crops, place.authority, head)
    return seen


def raw(host: str, authority: str, request: str) -> str:
    """The first line of the answer to a request, written as it is."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with socket.create_connection((host, 443), 30) as link, context.wrap_socket(link, server_hostname=host) as secured:
        secured.sendall(request.encode())
        return secured.recv(100).split(b"\r\n")[0].decode()


@contextmanager
def running(command: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """A process for the length of the block, killed after five minutes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    cutting = threading.Timer(300, process.kill)
    cutting.start()
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        cutting.cancel()


def until_open(service: "subprocess.Popen[str]") -> Iterator[str]:
    """The lines that a start prints, until it is open or ends."""
    for line in service.stdout or ():
        if line.startswith("Ctrl-C"):
            return
        yield line.strip()


def main() -> None:
    """Start, visit, check, stop, tell."""
    plan = Plan(**json.loads(sys.argv[1]))
    places = {name: Place(**place) for name, place in plan.places.items()}  # type: ignore[arg-type]
    seen: dict[str, Any] = {}
    with ExitStack() as started:
        service = started.enter_context(running([*CLI, "demo", "--config", plan.configuration]))
        seen["said"] = list(until_open(service))
        if plan.proxy:
            started.enter_context(running(["haproxy", "-db", "-f", plan.proxy]))
            time.sleep(1)
        line = next(line for line in seen["said"] if line.startswith("Sign in as"))
        address, password = re.findall(r"Sign in as (\S+) with the password (\S+)", line)[0]
        for name, place in places.items():
            seen[name] = visit(place, address, password)
        if plan.proxy:
            seen["proxy"] |= visit_proxy(places["proxy"])
        if plan.checks:
            command = [*CLI, "promises", "--demo", "--config", plan.configuration, "--json", *plan.checks]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200)
            seen["checks"] = json.loads(done.stdout or "[]") or done.stderr
    seen["ended with"] = service.returncode
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
