"""A call_control_id inside a path of ours: base64url without padding, because ids hold `:` and may hold `/`."""

import base64
import binascii


def encode(call_control_id: str) -> str:
    return base64.urlsafe_b64encode(call_control_id.encode()).rstrip(b"=").decode()


def decode(part: str) -> str | None:
    """None when it is no such part."""
    if not 0 < len(part) <= 400:
        return None
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
