"""How many connections one client may have at a door.

The server takes connections by itself, and encrypts them; it has one bound, for all clients together. So this module looks at the
process's own sockets, a few times a second, and ends what is over a client's bound: it shuts the connection down, and the
server, which reads its end, closes it. Nothing is looked at while the process has fewer sockets than the lowest bound.

Of a client that has too many, those stay to which the server has answered something, the oldest first. Behind a proxy that ends
connections, the proxy bounds its clients' connections; its own are bounded higher.

At a door that demands a certificate, a connection that has brought no request has not shown one, as far as we can tell. So few of
those are borne, of one client and of all together, and for some seconds only. The newest of them stay: whoever has a certificate
needs some milliseconds to show it, and whoever has none can only wait.

Not taken: a proxy of our own before the server, which would hide the addresses from it and cost every request a copy; bounds in
the kernel's filter, which need rights that no part has.

Source: OWASP ASVS 5.0, 15.2.2; OWASP API Security Top 10, API4:2023.
"""

import errno
import ipaddress
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from stat import S_ISSOCK
from typing import NamedTuple

from crop_contract import plain_structlog  # noqa: F401 - it comes before structlog

# isort: split
import structlog

from crop_contract.first_requests import FirstRequests, Peer
from crop_contract.stacks import stack_of

log = structlog.stdlib.get_logger("connections")
EVERY_S = 0.25
MOST_AT_ONCE = 4_096  # connections of all clients together; more wait until one ends
OPENED = Path("/proc/self/fd")
_IN_USE = (1, 8)  # `tcpi_state`: established; closed by the other side only
_ACKED = slice(120, 128)  # `tcpi_bytes_acked` in `struct tcp_info` (linux/tcp.h): bytes of ours that the other side has
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ON_THIS_MACHINE = frozenset({"127.0.0.1", "::1"})  # The parts of the service, and proxies beside it, come from there.


class Bounds(NamedTuple):
    """Connections at once. of_client: of one address; unanswered: those of them to which nothing was sent yet, so that not even
    their encryption has begun; of_proxy: of a trusted proxy, or of this machine. At a door that demands a certificate, without a
    request so far: silent: of one address; all_silent: of all together; silent_s: how long (s)."""

    of_client: int = 256
    unanswered: int = 64
    of_proxy: int = 2_048
    silent: int = 64
    all_silent: int = 256
    silent_s: int = 5

    @classmethod
    def of(cls, variables: Mapping[str, str], prefix: str) -> "Bounds":
        """As the environment sets them. Raises ValueError where one is no whole number of at least 1."""
        usual = cls()
        client = _number(variables, f"{prefix}CONNECTIONS_A_CLIENT", usual.of_client)
        proxy = _number(variables, f"{prefix}CONNECTIONS_A_PROXY", usual.of_proxy)
        return cls(client, min(usual.unanswered, client), proxy)


def _number(variables: Mapping[str, str], name: str, usual: int) -> int:
    text = variables.get(name, "").strip() or str(usual)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise ValueError(f"{name} is {text[:40]!r}. Write a whole number of 1 or more, or unset it.")
    return int(text)


class Connection(NamedTuple):
    """One connection. number, inode: of its socket, of which the first is used again; client: by what it counts."""

    number: int
    inode: int
    peer: Peer
    client: str
    is_of_proxy: bool
    is_answered: bool


def networks(text: str) -> tuple[Network, ...]:
    """Networks, or single addresses, with spaces between them. Raises ValueError."""
    return tuple(ipaddress.ip_network(part) for part in text.split())


def client_key(address: str) -> str:
    """By what an address counts: itself; of IPv6 the /64, which one household has; of IPv4 in IPv6 the IPv4 address."""
    parsed = _address(address)
    if parsed.version == 4 or str(parsed) in ON_THIS_MACHINE:
        return str(parsed)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(text.partition("%")[0])
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def _normal(peer: Peer) -> Peer:
    return str(_address(peer[0])), peer[1]


class Watch:
    """Ends the connections at one door that are over a client's bound.

    port: of the door, in this process. proxies: networks that have the bound of proxies, as this machine has.
    requests: from where requests came, at a door that demands a certificate.
    """

    def __init__(
        self, port: int, bounds: Bounds, proxies: Sequence[Network] = (), requests: FirstRequests | None = None
    ) -> None:
        self._port, self._bounds, self._proxies, self._requests = port, bounds, proxies, requests
        self._since: dict[int, int] = {}  # by inode, in which look it was seen first
        self._asked: set[int] = set()  # inodes of connections that have brought a request
        self._looks = 0

    def start(self) -> None:
        """Look again and again, in a thread of its own, as long as the process lives. Linux only; elsewhere nothing."""
        if sys.platform == "linux":
            threading.Thread(target=self._run, name="connections", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY_S)
            try:
                if ended := self.look():
                    log.warning("connections ended, over the bound of a client", number=ended)
            except Exception as error:  # noqa: BLE001 - the next look may work
                log.error("connections not counted", stack=stack_of(error))

    def look(self) -> int:
        """End what is over a bound now. How many were ended."""
        self._looks += 1
        least = min(self._bounds.of_client, self._bounds.unanswered, self._bounds.of_proxy)
        if self._requests is None and len(list(OPENED.iterdir())) <= least:
            self._since.clear()
            return 0
        # What came before the connections are looked at: where one is not found, it has ended.
        peers = {_normal(peer) for peer in self._requests.taken()} if self._requests else set[Peer]()
        seen = list(self._connections())
        self._since = {each.inode: self._since.get(each.inode, self._looks) for each in seen}
        of_clients: dict[tuple[str, bool], list[Connection]] = {}
        for each in seen:
            of_clients.setdefault((each.client, each.is_of_proxy), []).append(each)
        over = {each for of_one in of_clients.values() for each in self._too_many(of_one)}
        if self._requests:
            self._asked = {each.inode for each in seen if each.inode in self._asked or each.peer in peers}
            over |= set(self._silent([each for each in seen if each.inode not in self._asked]))
        return sum(self._end(each) for each in over)

    def _silent(self, without_request: list[Connection]) -> Iterator[Connection]:
        """Which connections end of those that have brought no request: the oldest."""
        of_clients = Counter[str]()
        newest_first = sorted(without_request, key=lambda each: (self._since[each.inode], each.inode), reverse=True)
        for each in newest_first:
            age_s = (self._looks - self._since[each.inode]) * EVERY_S
            is_over = of_clients[each.client] >= self._bounds.silent or of_clients.total() >= self._bounds.all_silent
            if is_over or age_s >= self._bounds.silent_s:
                yield each
            else:
                of_clients[each.client] += 1

    def _too_many(self, of_one: list[Connection]) -> list[Connection]:
        """Which connections of one client end."""
        in_order = sorted(of_one, key=lambda each: (not each.is_answered, self._since[each.inode], each.inode))
        if in_order[0].is_of_proxy:
            return in_order[self._bounds.of_proxy :]
        answered = sum(each.is_answered for each in in_order)
        return in_order[min(self._bounds.of_client, answered + self._bounds.unanswered) :]

    def _is_of_proxy(self, address: str) -> bool:
        parsed = _address(address)
        return str(parsed) in ON_THIS_MACHINE or any(parsed in network for network in self._proxies)

    def _connections(self) -> Iterator[Connection]:
        for number in [int(path.name) for path in OPENED.iterdir()]:
            with suppress(OSError):  # It was closed meanwhile, or is no connection.
                yield self._described(number)

    def _described(self, number: int) -> Connection:
        """The connection of a socket. Raises OSError: no connection at this door."""
        with _copy_of(number) as link:
            if link.family not in (socket.AF_INET, socket.AF_INET6) or link.getsockname()[1] != self._port:
                raise OSError(errno.ENOTSOCK, "This is no connection at the door.")
            facts = link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            if facts[0] not in _IN_USE:
                raise OSError(errno.ENOTCONN, "It was ended already.")
            is_answered = len(facts) < _ACKED.stop or facts[_ACKED] != bytes(8)
            peer = _normal(link.getpeername()[:2])
            is_of_proxy, inode = self._is_of_proxy(peer[0]), os.fstat(link.fileno()).st_ino
            return Connection(number, inode, peer, client_key(peer[0]), is_of_proxy, is_answered)

    def _end(self, connection: Connection) -> bool:
        """Shut a connection down, if its number is still its own."""
        with suppress(OSError), _copy_of(connection.number) as link:
            if os.fstat(link.fileno()).st_ino == connection.inode:
                link.shutdown(socket.SHUT_RDWR)
                return True
        return False


def _copy_of(number: int) -> socket.socket:
    """A socket of this process under a number of its own, which nobody else closes. Raises OSError where there is none."""
    if not S_ISSOCK(os.fstat(number).st_mode):
        raise OSError(errno.ENOTSOCK, "This is no socket.")
    copy = os.dup(number)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
