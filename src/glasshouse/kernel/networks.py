"""By what a network address is counted, wherever tries, bodies or waiting requests are."""

import ipaddress

LONGEST = 100  # characters of what is no address


def network_key(network: str) -> str:
    """The address itself; of IPv6 the /64, which one household has; of an IPv4 address in IPv6 the IPv4 address.

    What is no address counts as it is written, cut. Source: RFC 6177; RFC 4291, 2.5.5.2.
    """
    try:
        address = ipaddress.ip_address(network)
    except ValueError:
        return network[:LONGEST]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
