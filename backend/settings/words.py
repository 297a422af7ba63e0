"""The words in which settings are declared: types of a value, the unit and the group beside it, checks that several share.

A check raises ValueError with a message that begins with "allowed: "; sources.py puts the setting's name before it.
"""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$|^\[?[0-9A-Fa-f:]+\]?$")
_DEVICE = re.compile(r"^(cpu|cuda(:[0-9]{1,3})?)?$")


def extra(unit: str = "", *, group: str = "", may_hold_password: bool = False) -> dict[str, Any]:
    """For `json_schema_extra`. `group` stands at the first setting of a group and is its heading."""
    return {"unit": unit, "group": group, "may_hold_password": may_hold_password}


def _zero_or_one(value: object) -> object:
    if isinstance(value, bool) or value in ("0", "1", 0, 1):
        return bool(int(value))
    raise ValueError("allowed: 0 or 1")


def _device(value: str) -> str:
    if not _DEVICE.match(value):
        raise ValueError("allowed: cpu, cuda or cuda:<number>")
    return value


ZeroOrOne = Annotated[bool, BeforeValidator(_zero_or_one)]
Device = Annotated[str, AfterValidator(_device)]
"""Where a model runs; "" is the GPU if there is one."""


def check_host(value: str) -> str:
    """A host name or an address."""
    if not _HOST.match(value):
        raise ValueError("allowed: a host name or an IP address")
    return value


def check_host_and_port(value: str) -> str:
    """host:port, or nothing."""
    if value:
        host, _, port = value.rpartition(":")
        if not _HOST.match(host) or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ValueError("allowed: host:port")
    return value


def check_url(value: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of these schemes, without the last slash; or nothing."""
    if not value:
        return value
    try:
        parts = urlsplit(value)
        wrong = parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or parts.username
        parts.port  # noqa: B018  raises ValueError when it is not a port
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError(f"allowed: {' or '.join(f'{scheme}://host' for scheme in schemes)}, optionally :port and path")
    return value.rstrip("/")
