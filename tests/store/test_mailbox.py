"""Facts for the owner."""

import dataclasses
import queue
import threading
from typing import Any

import pytest

from backend.call import events
from backend.call.events import DtmfReceived, Event, TranscriptReceived
from backend.errors import MalformedMessage, StoreError
from backend.store import keys
from backend.store.database import Database
from backend.store.event_json import EVENT_CLASSES, build_event, dumps, parse_event
from backend.store.mailbox import CAPACITY, Mailbox
from backend.store.stores import Stores

SAMPLES: dict[str, Any] = {
    "str": "näme \u2028 \x00",
    "float": 1.25,
    "int": 7,
    "bool": True,
    "Direction": "incoming",
    "dict[str, Any]": {"a": [1, None, {"b": "c"}]},
}


def sample(event_class: type[Event]) -> Event:
    """An event of that class with something in every field."""
    fields = {}
    for field in dataclasses.fields(event_class):
        name = getattr(field.type, "__name__", None) if isinstance(field.type, type) else str(field.type)
        name = "Direction" if field.name == "direction" else name or ""
        if field.type == dict[str, Any]:
            name = "dict[str, Any]"
        fields[field.name] = SAMPLES.get(name, "completed")
    return event_class(**fields)


@pytest.mark.parametrize("event_class", EVENT_CLASSES.values(), ids=EVENT_CLASSES)
def test_every_event_survives_the_mailbox(stores: Stores, call: str, event_class: type[Event]) -> None:
    """By reflection over `call/events.py`: a new event needs no line here."""
    event = sample(event_class)

    stores.mailbox.post(call, event)

    assert stores.mailbox.take_all(call) == [event]


def test_all_events_are_known() -> None:
    """The reflection really finds them."""
    subclasses = {found.__name__ for found in Event.__subclasses__() if found.__module__ == events.__name__}

    assert set(EVENT_CLASSES) == subclasses
    assert len(subclasses) > 20


def test_facts_come_in_order_and_once(stores: Stores, call: str) -> None:
    """What was taken is gone."""
    for digit in "123":
        stores.mailbox.post(call, DtmfReceived(digit))

    assert stores.mailbox.take_all(call) == [DtmfReceived("1"), DtmfReceived("2"), DtmfReceived("3")]
    assert stores.mailbox.take_all(call) == []


def test_the_same_fact_posted_twice_is_taken_once(stores: Stores, call: str) -> None:
    """A webhook that was answered 503 after its fact had been posted comes again."""
    stores.mailbox.post(call, DtmfReceived("1"), fact_id="e-1")
    stores.mailbox.post(call, DtmfReceived("1"), fact_id="e-1")
    stores.mailbox.post(call, DtmfReceived("1"), fact_id="e-2")
    first = stores.mailbox.take_all(call)
    stores.mailbox.post(call, DtmfReceived("1"), fact_id="e-1")

    assert first == [DtmfReceived("1"), DtmfReceived("1")]
    assert stores.mailbox.take_all(call) == []


def test_the_same_id_in_two_calls_is_two_facts(stores: Stores, call: str) -> None:
    """Ids count per call."""
    stores.mailbox.post(call, DtmfReceived("1"), fact_id="e-1")
    stores.mailbox.post("v3:other", DtmfReceived("1"), fact_id="e-1")

    assert stores.mailbox.take_all(call) == stores.mailbox.take_all("v3:other") == [DtmfReceived("1")]


class LossyDatabase:
    """Takes from the mailbox, then loses the answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_lossy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def run(self, script: str, key_names: Any, arguments: Any = ()) -> Any:
        answer = self._database.run(script, key_names, arguments)
        if self.is_lossy and script == "mailbox_take":
            raise StoreError("the answer got lost")
        return answer


def test_a_taking_whose_answer_got_lost_loses_nothing(database: Database, call: str) -> None:
    """The next taking brings what was set aside, and what came since."""
    lossy = LossyDatabase(database)
    mailbox = Mailbox(lossy)
    mailbox.post(call, DtmfReceived("1"))
    lossy.is_lossy = True
    for _ in range(2):
        with pytest.raises(StoreError):
            mailbox.take_all(call)
    lossy.is_lossy = False
    mailbox.post(call, DtmfReceived("2"))

    assert mailbox.take_all(call) == [DtmfReceived("1"), DtmfReceived("2")]
    assert mailbox.take_all(call) == []


def test_racing_takers_share_without_overlap(database: Database, call: str) -> None:
    """An old and a new owner may ask at the same time; every fact goes to one."""
    for number in range(40):
        Mailbox(database).post(call, TranscriptReceived(str(number), True))
    taken: queue.Queue[Event] = queue.Queue()
    start = threading.Barrier(6)

    def worker() -> None:
        mailbox = Mailbox(database)
        start.wait(10)
        for event in mailbox.take_all(call):
            taken.put(event)

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(int(event.text) for event in taken.queue) == list(range(40))


def test_a_mailbox_nobody_empties_is_bounded(stores: Stores, call: str) -> None:
    """The newest stay."""
    for number in range(CAPACITY + 5):
        stores.mailbox.post(call, TranscriptReceived(str(number), True))

    taken = stores.mailbox.take_all(call)

    assert len(taken) == CAPACITY
    assert taken[-1] == TranscriptReceived(str(CAPACITY + 4), True)


def test_a_fact_of_another_version_does_not_hide_the_others(
    stores: Stores, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    """During a deploy a newer worker may post what we do not know; its words stay out of the log."""
    names = [keys.gone(call), keys.mailbox(call), keys.owner(call)]
    for fact in (
        "no json",
        "[]",
        dumps({"id": "1", "event": "Levitated"}),
        dumps({"id": "2", "event": "DtmfReceived"}),
    ):
        stores.database.run("mailbox_post", names, [fact, 60, 500])
    newer = {"id": "3", **build_event(DtmfReceived("9")), "added_later": 1}
    stores.database.run("mailbox_post", names, [dumps(newer), 60, 500])

    assert stores.mailbox.take_all(call) == [DtmfReceived("9")]
    assert len(caplog.records) == 4
    assert "Levitated" not in caplog.text


def test_an_event_that_is_none_is_refused() -> None:
    """Only classes of `call/events.py` travel."""
    with pytest.raises(KeyError):
        build_event(Event())
    with pytest.raises(MalformedMessage):
        parse_event({"event": "Event"})


def test_posting_wakes_the_owner(stores: Stores, call: str) -> None:
    """And only when there is one."""
    subscription = stores.database.subscribe(keys.wake_channel("w1"))
    assert subscription.next(5) == ("subscribed", "")
    stores.mailbox.post(call, DtmfReceived("1"))
    stores.owners.claim(call, "w1")
    stores.mailbox.post(call, DtmfReceived("2"))
    stores.database.publish(keys.wake_channel("w1"), "the end")

    heard = [subscription.next(5), subscription.next(5)]
    subscription.close()

    assert heard == [("message", call), ("message", "the end")]
