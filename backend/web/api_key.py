"""The bearer key of the API: the setting if there is one, else made once and kept in DATA_DIR/api_key.

Several workers may start at the same moment on an empty folder. Each writes a complete file of its own and tries to
link it to the final name; the link exists already or it does not, so exactly one wins, and nobody can read half a key.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import TextIO

from backend.errors import SettingsError
from backend.settings import Settings

_BYTES = 32


def read_or_make_api_key(settings: Settings, announce: TextIO | None = None) -> str:
    """The key that clients must show. Printed once, to standard error, by the process that made it."""
    chosen = settings.offhook_api_key.get_secret_value()
    if chosen:
        return chosen
    path = settings.data_dir / "api_key"
    try:
        if not path.exists() and _make(path):
            key = _read(path)
            print(f"API key, shown only once, kept in {path}: {key}", file=announce or sys.stderr, flush=True)
            return key
        return _read(path)
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {path} cannot be read or written ({error.strerror})") from None


def _make(path: Path) -> bool:
    """True when this process was the one that made the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".api_key.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        return True
    finally:
        os.unlink(draft)


def _read(path: Path) -> str:
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < 16 or not key.isascii():
        raise SettingsError(f"{path}: holds no usable API key; delete the file to have a new one made")
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path}: can be read by others; allowed: mode 0600")
    return key
