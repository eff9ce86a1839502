"""From which network address a request comes, and by what it is counted, wherever tries, bodies or waiting requests are."""

import ipaddress
from collections.abc import Sequence

from crop_contract.connections import Network

LONGEST = 100  # characters of what is no address
MOST_HOPS = 20  # addresses in X-Forwarded-For that are looked at
NAT64, NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def network_key(network: str) -> str:
    """The address itself; of IPv6 the /64, which one household has; of an IPv4 address in IPv6 the IPv4 address.

    So one address has one key, however it is written and through whatever gateway it comes: with or without zeros, letters
    of either case, a zone, mapped (RFC 4291, 2.5.5.2), by 6to4 (RFC 3056) or NAT64 (RFC 6052). What is no address counts as
    it is written, cut. Source: RFC 6177; RFC 5952.
    """
    try:
        address = ipaddress.ip_address(network)
    except ValueError:
        return network[:LONGEST]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if embedded := _embedded(address):
        return str(embedded)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def is_outside(text: str) -> bool:
    """Whether an address is a public one, to which we may connect for somebody who named its host.

    What an IPv6 address carries of IPv4 (mapped, 6to4, NAT64) is looked at; a Teredo address never counts. Source: RFC 6890.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # With a zone, it is one of a link.
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id or address.is_site_local or address in NAT64_LOCAL or address.teredo:
            return False
        address = _embedded(address) or address
    reserved = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not reserved


def client_of(peer: str, forwarded_for: str, trusted: Sequence[Network], *, of_proxy: bool = False) -> str:
    """The address that a request comes from. peer: of the connection; forwarded_for: the header X-Forwarded-For.

    of_proxy: the connection showed that it is a proxy's, by its certificate, wherever it comes from.

    The header is anybody's to write, so it counts only behind proxies that the operator trusts, and only what they wrote
    themselves: from its end, up to the first address that is no trusted proxy. Where a proxy wrote something else, it is the
    proxy that counts.
    """
    # A door on every address, IPv6 too, tells of an IPv4 client as mapped into IPv6.
    client = str(_address_of(peer) or peer)
    hops = forwarded_for.rsplit(",", MOST_HOPS)[-MOST_HOPS:]
    while hops and (of_proxy or _is_trusted(client, trusted)):
        of_proxy, hop = False, _address_of(hops.pop())
        if hop is None:
            break
        client = str(hop)
    return client


def _is_trusted(written: str, trusted: Sequence[Network]) -> bool:
    address = _address_of(written)
    return address is not None and any(address in network for network in trusted)


def _address_of(written: str) -> Address | None:
    """The address in one part of the header: alone, in brackets, or with a port.

    An IPv4 address in IPv6 is the IPv4 address.
    """
    text = written.strip()[:LONGEST]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (_embedded(address) or address) if isinstance(address, ipaddress.IPv6Address) else address
