"""backend/records/rehearsals.py"""

import pytest

from backend.records.database import Database
from backend.records.errors import StaleRehearsal, UnknownRecord, UnstorableText
from backend.records.rehearsals import Rehearsals
from tests.records.conftest import StillClock


@pytest.fixture
def rehearsals(database: Database, clock: StillClock) -> Rehearsals:
    return Rehearsals(database, clock)


def test_a_rehearsal_comes_back_as_it_went_in_and_each_change_is_a_version(rehearsals: Rehearsals) -> None:
    """Comments, umlauts and all."""
    made = rehearsals.put("mine", "name: mine # Grüße\n", 0)
    changed = rehearsals.put("mine", "name: mine\n", 1)

    assert (made.version, changed.version, rehearsals.get("mine")) == (1, 2, changed)
    assert [one.name for one in rehearsals.all()] == ["mine"]


@pytest.mark.parametrize(
    ("expected", "words"), [(0, "somebody saved one"), (1, "version 2 is current"), (7, "version 2")]
)
def test_a_stale_change_is_refused_and_nothing_is_lost(rehearsals: Rehearsals, expected: int, words: str) -> None:
    """Two editors with the same text open."""
    rehearsals.put("mine", "a", None)
    rehearsals.put("mine", "b", None)
    with pytest.raises(StaleRehearsal, match=words):
        rehearsals.put("mine", "c", expected)

    assert rehearsals.get("mine").yaml == "b"


def test_a_deleted_rehearsal_is_gone_and_an_edit_of_it_is_told(rehearsals: Rehearsals) -> None:
    """The editor may still save it, as a new one."""
    rehearsals.put("mine", "a", None)
    rehearsals.delete("mine")
    with pytest.raises(UnknownRecord):
        rehearsals.get("mine")
    with pytest.raises(UnknownRecord):
        rehearsals.delete("mine")
    with pytest.raises(StaleRehearsal, match="it was deleted"):
        rehearsals.put("mine", "a", 1)

    assert rehearsals.put("mine", "a", 0).version == 1


def test_what_no_database_keeps_is_refused(rehearsals: Rehearsals) -> None:
    with pytest.raises(UnstorableText):
        rehearsals.put("mine", "a\x00", None)
