"""Which worker speaks next: backend/engines/voice_routing.py"""

from dataclasses import replace

import pytest

from backend.engines.voice_routing import LEFT_FOR_S, Strategy, Voice, VoiceRouter, VoiceWorker, Wanted

ANNA = Voice("anna", "de", "pocket@1")
BERT = Voice("bert", "en-GB", "pocket@1")
ESPEAK = Voice("en-us", "en-us", "espeak-ng")


def worker(name: str, **fields: object) -> VoiceWorker:
    """Four places, both models resident, nothing to do."""
    usual = VoiceWorker(
        name,
        f"{name}:50051",
        max_concurrent_sessions=4,
        voices=(ANNA, BERT, ESPEAK),
        resident_models=("pocket@1", "espeak-ng"),
        told_at=100.0,
    )
    return replace(usual, **fields)  # type: ignore[arg-type]


def chosen(router: VoiceRouter, workers: list[VoiceWorker], wanted: Wanted, now: float = 0.0, *tried: str) -> str:
    found = router.choose(workers, wanted, now, tried)
    return found.name if found else "nobody"


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted("anna"), "anna"),
        (Wanted("en-us+f3"), "en-us"),
        (Wanted("bert#slow"), "bert"),
        (Wanted("Anna"), None),
        (Wanted("", "de"), "anna"),
        (Wanted("", "de-AT"), "anna"),
        (Wanted("", "en"), "bert"),
        (Wanted("", "en-US"), "en-us"),
        (Wanted("", ""), "bert"),
        (Wanted("", "fr"), None),
        (Wanted("anna", "fr"), "anna"),
    ],
)
def test_a_voice_is_found_by_name_or_by_language(wanted: Wanted, name: str | None) -> None:
    """A name counts more than the language; a composed name is one of the voice it begins with."""
    found = worker("w").find(wanted)

    assert (found.name if found else None) == name


def test_only_workers_that_can_are_asked() -> None:
    """The voice, the capabilities, not going down, not tried before."""
    workers = [
        worker("draining", is_draining=True),
        worker("mute", voices=()),
        worker("foreign", voices=(ESPEAK,)),
        worker("whole", streaming=False),
        worker("able", zero_shot=True),
    ]

    assert chosen(VoiceRouter(), workers, Wanted("anna", streaming=True)) == "able"
    assert chosen(VoiceRouter(), workers, Wanted("anna", zero_shot=True)) == "able"
    assert chosen(VoiceRouter(), workers, Wanted("anna", zero_shot=True), 0, "able") == "nobody"
    assert chosen(VoiceRouter(), workers[:1], Wanted("anna")) == "nobody"


def test_a_worker_that_has_not_said_what_it_speaks_is_asked_for_anything() -> None:
    """The one at a fixed address, before it answered for the first time."""
    assert chosen(VoiceRouter(), [worker("fixed", voices=None)], Wanted("anyone")) == "fixed"


@pytest.mark.parametrize("strategy", ["queue_depth", "round_robin", "latency"])
def test_a_resident_model_comes_before_every_strategy(strategy: Strategy) -> None:
    """Loading takes longer than any queue."""
    idle = worker("idle", resident_models=("espeak-ng",))
    busy = worker("busy", queue_depth=3, p50_latency_ms=200.0)
    router = VoiceRouter(strategy)

    assert [chosen(router, [idle, busy], Wanted("anna")) for _ in range(3)] == ["busy"] * 3
    assert chosen(router, [idle], Wanted("anna")) == "idle"


@pytest.mark.parametrize("strategy", ["queue_depth", "round_robin", "latency"])
def test_a_full_worker_comes_last(strategy: Strategy) -> None:
    """It would only answer that it is full."""
    full = worker("full", queue_depth=4, p50_latency_ms=1.0)
    slow = worker("slow", queue_depth=3, p50_latency_ms=200.0)

    assert [chosen(VoiceRouter(strategy), [full, slow], Wanted("anna")) for _ in range(3)] == ["slow"] * 3


@pytest.mark.parametrize("strategy", ["queue_depth", "round_robin", "latency"])
def test_a_worker_that_computes_slower_than_it_speaks_comes_after_those_that_keep_up(strategy: Strategy) -> None:
    """Whatever its queue and its first frame are like; it is still asked before nobody is, and before a full one is not."""
    stutters = worker("stutters", rtf=1.0, p50_latency_ms=1.0)
    keeps_up = worker("keeps up", rtf=0.99, p50_latency_ms=200.0, queue_depth=3)
    full = worker("full", queue_depth=4)

    assert [chosen(VoiceRouter(strategy), [stutters, keeps_up], Wanted("anna")) for _ in range(3)] == ["keeps up"] * 3
    assert chosen(VoiceRouter(strategy), [stutters, full], Wanted("anna")) == "stutters"


def test_latency_takes_the_one_that_computes_least_of_two_that_are_equally_quick() -> None:
    """It has more of its device left for the next call."""
    dear, cheap = (
        worker("dear", p50_latency_ms=40.0, rtf=0.5),
        worker("cheap", p50_latency_ms=40.0, rtf=0.1, queue_depth=1),
    )

    assert chosen(VoiceRouter("latency"), [dear, cheap], Wanted("anna")) == "cheap"


def test_queue_depth_takes_the_least_loaded_share() -> None:
    """Half of ten places is less than three of four."""
    small, big = worker("small", queue_depth=3), worker("big", queue_depth=5, max_concurrent_sessions=10)

    assert chosen(VoiceRouter("queue_depth"), [small, big], Wanted("anna")) == "big"


def test_what_this_process_has_under_way_counts_at_once() -> None:
    """The worker's own figure is some seconds old: a burst must not all go to one."""
    router, workers = VoiceRouter("queue_depth"), [worker("a"), worker("b")]
    burst = []
    for _ in range(6):
        burst.append(chosen(router, workers, Wanted("anna")))
        router.began(burst[-1])
    router.ended("a")
    router.ended("a")

    assert burst == ["a", "b"] * 3
    assert [chosen(router, workers, Wanted("anna")) for _ in range(2)] == ["a", "a"]


def test_round_robin_takes_them_in_turn_whatever_their_load() -> None:
    """Also when one joins."""
    router = VoiceRouter("round_robin")
    two = [worker("a", queue_depth=2), worker("b")]
    three = [*two, worker("c")]

    assert [chosen(router, two, Wanted("anna")) for _ in range(4)] == ["a", "b", "a", "b"]
    assert [chosen(router, three, Wanted("anna")) for _ in range(4)] == ["c", "a", "b", "c"]


def test_latency_takes_the_quickest_and_tries_one_that_has_not_spoken_yet() -> None:
    """Nothing is known of it, and nothing ever would be."""
    slow, quick, fresh = worker("slow", p50_latency_ms=90.0), worker("quick", p50_latency_ms=40.0), worker("fresh")

    assert chosen(VoiceRouter("latency"), [slow, quick], Wanted("anna")) == "quick"
    assert chosen(VoiceRouter("latency"), [slow, quick, fresh], Wanted("anna")) == "fresh"


def test_a_worker_that_failed_is_left_for_some_seconds_and_until_it_is_heard_of_again() -> None:
    """A dead one stays listed for half a minute, but says nothing any more."""
    router, bad, good = VoiceRouter(), worker("bad"), worker("good", queue_depth=3)
    router.failed(bad, 10.0)
    heard_again = replace(bad, told_at=110.0)

    assert chosen(router, [bad, good], Wanted("anna"), 10.1) == "good"
    assert chosen(router, [bad, good], Wanted("anna"), 60.0) == "good"
    assert chosen(router, [heard_again, good], Wanted("anna"), 10.0 + LEFT_FOR_S - 0.1) == "good"
    assert chosen(router, [heard_again, good], Wanted("anna"), 10.0 + LEFT_FOR_S) == "bad"


def test_when_all_have_failed_one_is_asked_all_the_same() -> None:
    """A single worker that stumbled once must not mean silence."""
    router, only = VoiceRouter(), worker("only")
    router.failed(only, 10.0)

    assert chosen(router, [only], Wanted("anna"), 10.1) == "only"


def test_a_worker_that_spoke_is_no_longer_left() -> None:
    """However lately it failed."""
    router, once, idle = VoiceRouter(), worker("once"), worker("other", queue_depth=2)
    router.failed(once, 10.0)
    router.succeeded("once")

    assert chosen(router, [once, idle], Wanted("anna"), 10.1) == "once"


def test_workers_that_are_gone_leave_nothing_behind() -> None:
    """Names are made anew with every start: the memory must not grow."""
    router = VoiceRouter()
    for number in range(100):
        router.choose([worker(f"w{number}")], Wanted("anna"), 0.0)
        router.began(f"w{number}")
        router.failed(worker(f"w{number}"), 0.0)
        router.ended(f"w{number}")
    router.forget_all_but({"w99"})

    assert (len(router._failures), len(router._chosen), len(router._own)) == (1, 1, 0)


def test_a_worker_survives_the_way_through_json() -> None:
    """As it lies in Redis."""
    whole = worker("w", zero_shot=True, rtf=0.04, queue_depth=2, p50_latency_ms=12.5, is_draining=True)

    assert VoiceWorker.from_json("w", whole.to_json()) == whole
    assert whole.to_json()["capabilities"] == {
        "streaming": True, "zero_shot": True, "languages": ["de", "en-GB", "en-us"], "max_concurrent_sessions": 4,
    }  # fmt: skip


def test_what_is_wanted_can_be_read_in_an_error() -> None:
    """In the words of the person who configured it."""
    assert str(Wanted("anna")) == "voice 'anna'"
    assert str(Wanted("", "fr", zero_shot=True)) == "language 'fr' with zero_shot"
