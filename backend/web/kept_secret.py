"""A secret of the installation: made on the first start, kept in a file of DATA_DIR that only its owner can read."""

import secrets
from pathlib import Path

from backend.errors import SettingsError
from backend.web.secret_file import make_once

_BYTES = 32
SHORTEST = 16
"""Characters."""


def read_or_make_secret(path: Path) -> str:
    """Several processes that ask at the same moment get the same one. Raises SettingsError."""
    try:
        if not path.exists():
            make_once(path, secrets.token_urlsafe(_BYTES))
        secret = path.read_text(encoding="ascii", errors="replace").strip()
        if len(secret) < SHORTEST or not secret.isascii():
            raise SettingsError(f"{path}: holds no usable secret; delete the file to have a new one made")
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: can be read by others; allowed: mode 0600")
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {path} cannot be read or written ({error.strerror})") from None
    return secret
