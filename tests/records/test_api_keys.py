"""backend/records/api_keys.py"""

import sqlite3
from dataclasses import replace

import pytest

from backend.records.api_keys import PREFIX, ApiKeys
from backend.records.database import Database
from backend.records.errors import UnknownRecord, UnstorableText
from tests.records.conftest import StillClock


@pytest.fixture
def api_keys(database: Database, clock: StillClock) -> ApiKeys:
    return ApiKeys(database, clock)


def test_a_key_is_found_by_its_secret_which_is_kept_nowhere(api_keys: ApiKeys, database: Database) -> None:
    """Not in any column of any table."""
    key, secret = api_keys.create("backup", "viewer", "admin")
    found = api_keys.find(secret)
    path = database.url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    dump = "\n".join(connection.iterdump())
    connection.close()

    assert found is not None and found.id == key.id and secret.startswith(PREFIX) and len(secret) > 48
    assert secret not in dump and secret[len(key.hint) :] not in dump and key.hint in dump


@pytest.mark.parametrize("shown", ["", "x", PREFIX, PREFIX + "x" * 43, "\ud800", PREFIX + "\ud800"])
def test_another_secret_finds_nothing(api_keys: ApiKeys, shown: str) -> None:
    """Whatever it is."""
    api_keys.create("backup", "viewer", "admin")

    assert api_keys.find(shown) is None


def test_the_hash_opens_nothing(api_keys: ApiKeys, database: Database) -> None:
    """Who reads the table is not let in."""
    _, secret = api_keys.create("backup", "viewer", "admin")
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))
    (kept,) = connection.execute("SELECT secret_hash FROM api_keys").fetchone()
    connection.close()

    assert api_keys.find(kept) is None and api_keys.find(PREFIX + kept) is None and api_keys.find(secret) is not None


def test_a_key_that_was_taken_back_finds_nothing(api_keys: ApiKeys) -> None:
    """And cannot be taken back twice."""
    key, secret = api_keys.create("backup", "viewer", "admin")
    api_keys.delete(key.id)

    assert api_keys.find(secret) is None and api_keys.list() == []
    with pytest.raises(UnknownRecord):
        api_keys.delete(key.id)


def test_its_last_use_is_noted_to_the_hour(api_keys: ApiKeys, clock: StillClock) -> None:
    """Not written at every request."""
    key, secret = api_keys.create("backup", "viewer", "admin")
    seen = []
    for seconds in (1.0, 1800.0, 3600.0):
        clock.now += seconds
        api_keys.find(secret)
        seen.append(api_keys.list()[0])
    first, second, third = (row.last_used_at or 0.0 for row in seen)

    assert key.last_used_at is None and seen[0] == replace(key, last_used_at=first)
    assert first == second == third - 5400.0


def test_a_name_that_cannot_be_stored_is_refused(api_keys: ApiKeys) -> None:
    """Nothing is made."""
    with pytest.raises(UnstorableText):
        api_keys.create("a\x00b", "viewer", "admin")
    assert api_keys.list() == []
