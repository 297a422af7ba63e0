"""backend/web/accounts.py"""

import pytest

from backend.records.errors import LastAdmin
from backend.web.accounts import TooManyTries, WrongCredentials
from tests.web.conftest import Stage

PASSWORD = "correct horse battery"


def test_signed_in_until_signed_out(stage: Stage) -> None:
    """The token, and nothing else, is the session."""
    accounts = stage.accounts
    user = accounts.create("Eva", "editor", PASSWORD)
    begun = accounts.sign_in("EVA", PASSWORD, "here")

    assert begun.user == user and accounts.session(begun.token) == begun
    assert accounts.session(begun.csrf_token) is None and accounts.session("") is None
    accounts.sign_out(begun.token)
    assert accounts.session(begun.token) is None


@pytest.mark.parametrize("name", ["eva", "nobody", "", "e\x00", "\ud800", "' OR 1=1 --", "x" * 5000])
@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "\ud800"])
def test_wrong_names_and_wrong_passwords_get_the_same_answer(stage: Stage, name: str, password: str) -> None:
    """One class, one sentence."""
    stage.accounts.create("eva", "editor", PASSWORD)
    with pytest.raises(WrongCredentials, match="^wrong name or password$"):
        stage.accounts.sign_in(name, password, "here")


def test_guessing_stops_and_nobody_else_is_locked_out(stage: Stage) -> None:
    """At this address this name has to wait, even with the right password; elsewhere it signs in."""
    accounts = stage.accounts
    accounts.create("eva", "editor", PASSWORD)
    accounts.create("ada", "editor", PASSWORD)
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            accounts.sign_in("eva", "guess", "here")
    with pytest.raises(TooManyTries) as stopped:
        accounts.sign_in("EVA", PASSWORD, "here")

    assert 0 < stopped.value.retry_after_s <= 60
    assert accounts.sign_in("eva", PASSWORD, "there").user.name == "eva"
    assert accounts.sign_in("ada", PASSWORD, "here").user.name == "ada"
    stage.clock.now += 61
    assert accounts.sign_in("eva", PASSWORD, "here").user.name == "eva"


def test_trying_one_password_on_many_names_stops_too(stage: Stage) -> None:
    """Names that do not exist count as well."""
    for number in range(6):
        with pytest.raises(WrongCredentials):
            stage.accounts.sign_in(f"name-{number}", "guess", "here")
    with pytest.raises(TooManyTries):
        stage.accounts.sign_in("name-7", "guess", "here")


def test_who_signs_in_has_their_tries_back(stage: Stage) -> None:
    """Two wrong, one right, two wrong: not stopped."""
    stage.accounts.create("eva", "editor", PASSWORD)
    for password in ("x", "x", PASSWORD, "x", "x"):
        if password == PASSWORD:
            stage.accounts.sign_in("eva", password, "here")
        else:
            with pytest.raises(WrongCredentials):
                stage.accounts.sign_in("eva", password, "here")


def test_a_new_password_ends_every_session(stage: Stage) -> None:
    """The old one opens nothing any more."""
    accounts = stage.accounts
    accounts.create("eva", "editor", PASSWORD)
    begun = [accounts.sign_in("eva", PASSWORD, "here").token for _ in range(2)]
    accounts.update("eva", password="another password")

    assert [accounts.session(token) for token in begun] == [None, None]
    with pytest.raises(WrongCredentials):
        accounts.sign_in("eva", PASSWORD, "here")


def test_who_changes_their_own_password_goes_on_in_a_new_session(stage: Stage) -> None:
    """With the same csrf_token: the open page need not notice. All others are out."""
    accounts = stage.accounts
    accounts.create("root", "admin", PASSWORD)
    accounts.create("eva", "editor", PASSWORD)
    other, here = (accounts.sign_in("eva", PASSWORD, "here") for _ in range(2))
    with pytest.raises(WrongCredentials):
        accounts.change_own_password(here, "not it", "another password", "here")
    assert accounts.session(other.token) is not None
    begun = accounts.change_own_password(here, PASSWORD, "another password", "here")

    assert accounts.session(other.token) is accounts.session(here.token) is None
    assert accounts.session(begun.token) == begun and begun.csrf_token == here.csrf_token and begun.token != here.token


def test_a_last_admin_who_changes_password_and_role_at_once_changes_neither(stage: Stage) -> None:
    """Refused as a whole."""
    accounts = stage.accounts
    accounts.create("root", "admin", PASSWORD)
    begun = accounts.sign_in("root", PASSWORD, "here")
    with pytest.raises(LastAdmin):
        accounts.change_own_password(begun, PASSWORD, "another password", "here", role="viewer")

    assert accounts.session(begun.token) == begun
    assert accounts.sign_in("root", PASSWORD, "here").user.role == "admin"


def test_the_present_password_cannot_be_guessed_without_end(stage: Stage) -> None:
    """By somebody at an unlocked screen."""
    accounts = stage.accounts
    accounts.create("eva", "editor", PASSWORD)
    begun = accounts.sign_in("eva", PASSWORD, "here")
    for _ in range(3):
        with pytest.raises(WrongCredentials):
            accounts.change_own_password(begun, "guess", "another password", "here")
    with pytest.raises(TooManyTries):
        accounts.change_own_password(begun, PASSWORD, "another password", "here")


def test_a_key_says_whose_it_is(stage: Stage) -> None:
    """Until it is taken back."""
    key, secret = stage.accounts.api_keys.create("backup", "viewer", "eva")

    assert stage.accounts.role_of_key(secret) == ("backup", "viewer")
    stage.accounts.api_keys.delete(key.id)
    assert stage.accounts.role_of_key(secret) is None
