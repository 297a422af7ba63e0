"""One POST to an address that somebody typed into a form: it must not reach into our own network (SSRF).

| asked for                                     | done                                                                     |
|-----------------------------------------------|--------------------------------------------------------------------------|
| a name                                        | resolved once; every address it has must be public; connected to one of  |
|                                               | these, not resolved again: a name cannot change its mind in between      |
| a private, loopback, link-local, metadata     | refused, unless the installation allows private addresses                |
| address, in whatever notation                 |                                                                          |
| http                                          | likewise: only where private addresses are allowed                       |
| a redirect                                    | not followed: its status is the answer                                   |
| a proxy in the environment                    | not used                                                                 |
| an answer that comes slowly, or never         | `TOTAL_S` for all of it                                                  |
| a long answer                                 | only its status is read                                                  |

TLS is checked against the name, with the certificates of certifi. Nothing of this file retries.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

import certifi

CONNECT_S = 5.0
BETWEEN_BYTES_S = 10.0
TOTAL_S = 20.0
_UNICAST_V6 = ipaddress.ip_network("2000::/3")


class PostFailed(Exception):
    """Nobody took it. The message is short, for the call's record: it holds no more of the receiver than its address."""


class PostRefused(PostFailed):
    """It was not even tried: the address is not allowed."""


def safe_post(
    url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool, total_s: float = TOTAL_S
) -> int:
    """The status of the answer, whatever it is. Raises PostFailed."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    if not is_tls and not allow_private:
        raise PostRefused("http is not allowed, only https")
    port = parts.port or (443 if is_tls else 80)
    addresses = resolve(host, port)
    if not allow_private and not all(is_public(address) for address in addresses):
        raise PostRefused("the name leads to an address that is not public")
    connection = _Connection(host, port, addresses, tls_context() if is_tls else None)
    watch = threading.Timer(total_s, connection.break_off)
    watch.daemon = True
    watch.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PostFailed(_reason(error, connection.is_broken_off)) from error
    finally:
        watch.cancel()
        connection.close()
    if connection.is_broken_off:  # a head that was cut off there reads like a whole one
        raise PostFailed("took too long")
    return status


def resolve(host: str, port: int) -> list[str]:
    """Its addresses. Raises PostFailed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostFailed("the name was not found") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach it: no private, shared, loopback, link-local, multicast, reserved or
    documentation address, nor one that stands for such a one (IPv4 in IPv6)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    if ip.ipv4_mapped is not None:
        return is_public(str(ip.ipv4_mapped))
    if ip.sixtofour is not None or ip.teredo is not None:
        return False  # tunnels into IPv4: nobody's webhook lives there
    return ip in _UNICAST_V6 and ip.is_global


@cache
def tls_context() -> ssl.SSLContext:
    """One for all: reading the certificates takes a while."""
    return ssl.create_default_context(cafile=certifi.where())


class _Connection(http.client.HTTPConnection):
    """To these addresses and no others, whatever the name is."""

    def __init__(self, host: str, port: int, addresses: list[str], tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        # What http.client leaves out of the Host header where it is the usual one.
        self.default_port = 443 if tls is not None else 80
        self.is_broken_off = False
        self._addresses = addresses
        self._tls = tls

    def connect(self) -> None:
        raw = self._open()
        if self._tls is not None:
            # The handshake comes after `sock` is set, so that `break_off` reaches it.
            self.sock = self._tls.wrap_socket(raw, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def _open(self) -> socket.socket:
        last: OSError = OSError("no address")
        for address in self._addresses:
            if self.is_broken_off:
                break
            try:
                raw = self.sock = socket.create_connection((address, self.port), CONNECT_S)
                raw.settimeout(BETWEEN_BYTES_S)
                return raw
            except OSError as error:
                last = error
        raise last

    def break_off(self) -> None:
        """From another thread: whatever it waits for ends now."""
        self.is_broken_off = True
        with contextlib.suppress(OSError, AttributeError):  # not connected yet, or over this very moment
            self.sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception, was_too_slow: bool) -> str:
    if was_too_slow:
        return "took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    return f"the connection failed: {type(error).__name__}"
