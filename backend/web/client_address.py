"""Where a request comes from, for limits per address.

What a client says about itself is worth nothing, so `X-Forwarded-For` is believed exactly as far as our own proxies wrote
it: PROXIES_IN_FRONT of them, each of which appends one entry. An IPv6 client owns a whole /64 and counts as that.
"""

import ipaddress
from collections.abc import Sequence


def client_address(peer: str, forwarded_for: Sequence[str], proxies_in_front: int) -> str:
    """`peer`: the socket's other end. `forwarded_for`: the header's lines in their order. "" where nothing can be told
    (a Unix socket without a proxy's word): then all such clients are one."""
    entries = [entry.strip() for line in forwarded_for for entry in line.split(",")]
    if proxies_in_front and len(entries) >= proxies_in_front:
        peer = entries[-proxies_in_front]
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
