"""backend/web/client_address.py"""

import pytest

from backend.web.client_address import client_address


@pytest.mark.parametrize(
    ("peer", "header", "proxies", "address"),
    [
        ("203.0.113.9", [], 0, "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.7"], 0, "203.0.113.9"),  # nobody of ours wrote that
        ("127.0.0.1", ["198.51.100.7"], 1, "198.51.100.7"),
        ("127.0.0.1", ["10.0.0.1, 198.51.100.7"], 1, "198.51.100.7"),  # the client made up the first
        ("127.0.0.1", ["10.0.0.1", "198.51.100.7"], 1, "198.51.100.7"),  # as two lines
        ("127.0.0.1", ["10.0.0.1, 198.51.100.7, 192.0.2.1"], 2, "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7"], 2, "127.0.0.1"),  # fewer than there must be: not believed
        ("127.0.0.1", [], 1, "127.0.0.1"),
        ("127.0.0.1", ["<script>"], 1, ""),
        ("", [], 0, ""),
        ("::ffff:203.0.113.9", [], 0, "203.0.113.9"),
        ("fe80::1%eth0", [], 0, "fe80::/64"),
    ],
)
def test_the_address_is_what_our_own_proxies_say(peer: str, header: list[str], proxies: int, address: str) -> None:
    """No more of the header than they wrote."""
    assert client_address(peer, header, proxies) == address


def test_all_addresses_of_one_ipv6_client_are_one() -> None:
    """Each has 2^64 of them."""
    assert client_address("2001:db8:1:2::1", [], 0) == client_address("2001:db8:1:2:ffff::9", [], 0)
    assert client_address("2001:db8:1:2::1", [], 0) != client_address("2001:db8:1:3::1", [], 0)
