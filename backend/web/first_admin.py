"""The first user: made when there is no admin, with a password that nobody chose.

The password stands in DATA_DIR/admin_password, for its owner's eyes alone, and in no log. It is written before the user is
made: a start that dies in between makes both again, and no installation has an admin whose password was lost on the way.
The file goes when the password is changed.
"""

import structlog

from backend.errors import SettingsError
from backend.records.users import User, Users
from backend.settings import Settings
from backend.web.passwords import SHORTEST, generate_password, hash_password, is_password
from backend.web.secret_file import admin_password_file, make_once

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

NAME = "admin"


def make_first_admin(settings: Settings, users: Users) -> User | None:
    """Where there is no admin: one named `admin`. Else None. Any number of processes may call it."""
    if any(user.role == "admin" for user in users.list()):
        return None
    path = admin_password_file(settings.data_dir)
    try:
        make_once(path, generate_password())
        password = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"DATA_DIR: {path} cannot be written or read ({type(error).__name__})") from None
    if len(password) < SHORTEST:
        raise SettingsError(f"{path}: holds no usable password; delete the file to have a new one made")
    made = users.create_first(NAME, hash_password(password))
    if made is not None:
        log.info("first_admin_made", file=str(path), user=NAME)
        return made
    found = users.find(NAME)
    if found is None or not is_password(password, found.password_hash):
        forget_generated_password(settings)  # a process with another DATA_DIR was first: its file counts
    return None


def forget_generated_password(settings: Settings) -> None:
    """It opens nothing any more."""
    admin_password_file(settings.data_dir).unlink(missing_ok=True)
