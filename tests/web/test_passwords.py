"""backend/web/passwords.py"""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.web.passwords import LONGEST, SHORTEST, generate_password, hash_password, is_password

ROOT = Path(__file__).parents[2]


def test_the_right_password_and_no_other() -> None:
    """Of any kind of characters."""
    kept = hash_password("correct horse ünïcode")

    assert kept.startswith("$argon2id$") and "horse" not in kept
    assert is_password("correct horse ünïcode", kept)
    assert not any(is_password(wrong, kept) for wrong in ("", "correct horse", "CORRECT HORSE ÜNÏCODE", "\ud800", kept))


def test_the_same_password_is_kept_differently_each_time() -> None:
    """Salted."""
    assert hash_password("correct horse") != hash_password("correct horse")


@pytest.mark.parametrize("kept", [None, "", "rubbish", "$argon2id$v=19$m=1$x"])
def test_nobodys_password_is_never_right(kept: str | None) -> None:
    """Neither where there is no user nor where what is kept cannot be read."""
    assert not is_password("correct horse", kept)


def test_an_unknown_name_costs_a_hash_with_the_same_parameters() -> None:
    """Measured in hashes, not in seconds: one each."""
    from backend.web import passwords

    parameters = passwords._NOBODYS.rsplit("$", 2)[0]

    assert hash_password("correct horse").rsplit("$", 2)[0] == parameters


def test_a_generated_password_would_be_taken_as_a_chosen_one() -> None:
    """And none comes twice."""
    made = {generate_password() for _ in range(50)}

    assert len(made) == 50 and all(SHORTEST <= len(password) <= LONGEST for password in made)


def test_under_gevent_the_hub_goes_on_while_passwords_are_checked() -> None:
    """Counted in turns of another greenlet while six hashes are made, in a patched process."""
    code = """
from gevent import monkey; monkey.patch_all()
import gevent
from backend.web.passwords import hash_password, is_password
turns = 0
def tick():
    global turns
    while True:
        gevent.sleep(0.001); turns += 1
ticking = gevent.spawn(tick)
made = [gevent.spawn(hash_password, "correct horse") for _ in range(6)]
gevent.joinall(made, raise_error=True)
assert all(is_password("correct horse", one.value) for one in made)
ticking.kill()
print(turns)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 12
