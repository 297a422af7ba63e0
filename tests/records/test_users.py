"""backend/records/users.py"""

import threading

import pytest

from backend.errors import BackendError
from backend.records.database import Database
from backend.records.errors import LastAdmin, NameTaken, UnknownRecord
from backend.records.users import Users
from tests.records.conftest import StillClock


@pytest.fixture
def users(database: Database, clock: StillClock) -> Users:
    return Users(database, clock)


def test_a_user_is_found_whatever_the_case_of_the_name(users: Users) -> None:
    """Kept and shown in lower case."""
    made = users.create("Eva@Example.com", "editor", "hash")

    found = users.find("EVA@example.COM")
    assert found is not None
    assert (made.name, found.user, found.password_hash) == ("eva@example.com", made, "hash")
    with pytest.raises(NameTaken):
        users.create("eva@EXAMPLE.com", "viewer", "other")


@pytest.mark.parametrize("name", ["", " eva", "eva ", "e" * 65, "-eva", "eva\x00", "eva\n", "<b>", "é", "../eva"])
def test_what_could_be_nobodys_name_finds_nobody(users: Users, name: str) -> None:
    """Nothing of it reaches the database."""
    assert users.find(name) is None
    with pytest.raises(ValueError, match="name"):
        users.create(name, "viewer", "hash")
    for act in (lambda: users.update(name, role="viewer"), lambda: users.delete(name)):
        with pytest.raises(UnknownRecord):
            act()


def test_a_new_password_changes_the_seal_and_a_new_role_does_not(users: Users) -> None:
    """The seal is what sessions are held against."""
    users.create("root", "admin", "hash")
    users.create("eva", "viewer", "hash")
    seals = [users.find("eva")]
    users.update("eva", role="editor")
    seals.append(users.find("eva"))
    users.update("eva", password_hash="another")
    seals.append(users.find("eva"))

    first, second, third = (found.seal for found in seals if found is not None)
    assert first == second != third
    assert [found.user.role for found in seals if found] == ["viewer", "editor", "editor"]


def test_a_user_made_again_has_another_seal(users: Users) -> None:
    """A session of the one who was removed is not one of the newcomer of the same name."""
    users.create("root", "admin", "hash")
    users.create("eva", "viewer", "hash")
    before = users.find("eva")
    users.delete("eva")
    users.create("eva", "viewer", "hash")
    after = users.find("eva")

    assert before is not None and after is not None and before.seal != after.seal


def test_the_last_admin_stays_one(users: Users) -> None:
    """Neither removed nor demoted; with a second one, either."""
    users.create("root", "admin", "hash")
    users.create("eva", "editor", "hash")
    with pytest.raises(LastAdmin):
        users.delete("root")
    with pytest.raises(LastAdmin):
        users.update("root", role="editor", password_hash="new")
    found = users.find("root")
    assert found is not None and (found.user.role, found.password_hash) == ("admin", "hash")

    users.update("eva", role="admin")
    users.delete("root")
    assert [user.name for user in users.list()] == ["eva"]


def test_two_admins_who_remove_each_other_at_once_leave_one(database: Database, clock: StillClock) -> None:
    """Whoever comes second is refused."""
    users = Users(database, clock)
    users.create("a", "admin", "hash")
    users.create("b", "admin", "hash")
    refused: list[BackendError] = []
    start = threading.Barrier(2)

    def remove(name: str) -> None:
        start.wait(10)
        try:
            users.delete(name)
        except LastAdmin as error:
            refused.append(error)

    threads = [threading.Thread(target=remove, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(refused) == 1 and len(users.list()) == 1


def test_the_first_admin_is_made_only_where_there_is_none(users: Users) -> None:
    """An editor, made by hand before the first start, does not keep it from being made."""
    users.create("eva", "editor", "hash")

    assert users.create_first("admin", "hash") is not None
    assert users.create_first("admin", "hash") is None
    assert users.create_first("other", "hash") is None
    assert [user.name for user in users.list()] == ["admin", "eva"]
