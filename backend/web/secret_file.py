"""A secret in a file of its own, made once, whoever else makes it at the same moment.

Each writes a complete file under a name of its own and tries to link it to the final one: the link exists already or it
does not, so exactly one wins, and nobody can read half a secret.
"""

import os
import secrets
from pathlib import Path


def make_once(path: Path, text: str) -> bool:
    """True when this process was the one that made the file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        return True
    finally:
        os.unlink(draft)


def admin_password_file(data_dir: Path) -> Path:
    """Where the first admin's generated password is until it is changed (`first_admin.py`)."""
    return data_dir / "admin_password"
