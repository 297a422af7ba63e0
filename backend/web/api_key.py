"""The bearer key of the API: the setting if there is one, else made once and kept in DATA_DIR/api_key.
Several workers may start at the same moment on an empty folder: see `secret_file.py`.
"""

import secrets
import sys
from pathlib import Path
from typing import TextIO

from backend.errors import SettingsError
from backend.settings import Settings
from backend.web.secret_file import make_once

_BYTES = 32


def read_or_make_api_key(settings: Settings, announce: TextIO | None = None) -> str:
    """The key that clients must show. Printed once, to standard error, by the process that made it."""
    chosen = settings.offhook_api_key.get_secret_value()
    if chosen:
        return chosen
    path = settings.data_dir / "api_key"
    try:
        if not path.exists() and make_once(path, secrets.token_urlsafe(_BYTES)):
            key = _read(path)
            print(f"API key, shown only once, kept in {path}: {key}", file=announce or sys.stderr, flush=True)
            return key
        return _read(path)
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {path} cannot be read or written ({error.strerror})") from None


def _read(path: Path) -> str:
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < 16 or not key.isascii():
        raise SettingsError(f"{path}: holds no usable API key; delete the file to have a new one made")
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path}: can be read by others; allowed: mode 0600")
    return key
