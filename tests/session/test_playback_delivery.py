"""backend/session/playback_delivery.py"""

from collections.abc import Iterator

import pytest

from backend.audio.wav import build_wav
from backend.call.commands import Speak
from backend.call.events import Event, SynthesisFinished, SynthesisStarted, WordsTimed
from backend.carrier.telnyx.audio_url import parse_audio_url
from backend.engines.base import AudioFrame, WordStart
from backend.errors import CallGone, EngineFailed, Rejected, StoreError, Unavailable
from backend.session.leg_commands import LegCommands
from backend.session.playback_delivery import PlaybackDelivery
from tests.fakes.fake_carrier import Asked
from tests.session.rig import CALL, Rig, near, settle

PIECE = Speak("1-1", 1, 1, "Hello.", "answer")
PCM = b"\x00\x10" * 800


def frames(final: bool = True) -> Iterator[AudioFrame]:
    yield AudioFrame(PCM[:800], 8000, 0, False)
    yield AudioFrame(PCM[800:], 8000, 1, final)


@pytest.fixture
def posted() -> list[Event]:
    return []


@pytest.fixture
def delivery(rig: Rig, posted: list[Event]) -> PlaybackDelivery:
    rig.ring()
    return PlaybackDelivery(rig.services, LegCommands(rig.services, CALL), CALL, posted.append)


def test_the_piece_is_kept_before_the_carrier_is_asked_to_fetch_it(
    rig: Rig, delivery: PlaybackDelivery, posted: list[Event]
) -> None:
    """The address names call, piece and secret; under it lies the whole piece."""
    kept: list[bytes | None] = []

    def fetch(asked: Asked) -> None:
        name = parse_audio_url(asked.arguments["audio_url"])
        assert name is not None and name.call_control_id == CALL
        kept.append(rig.stores.audio_clips.get(CALL, name.playback_id, name.secret))

    rig.carrier.on_ask = fetch
    delivery.deliver(PIECE, frames())

    assert kept == [build_wav(PCM, 8000)]
    assert posted == [SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, near(0.1))]


def test_each_piece_has_an_address_of_its_own_that_nobody_can_guess(rig: Rig, delivery: PlaybackDelivery) -> None:
    """At least 128 bits."""
    for _ in range(2):
        delivery.deliver(PIECE, frames())
    first, second = (parse_audio_url(asked.arguments["audio_url"]) for asked in rig.carrier.of("start_playback"))

    assert first is not None and second is not None
    assert first.secret != second.secret and len(first.secret) >= 22


@pytest.mark.parametrize("error", [Rejected("no"), Unavailable("away")])
def test_a_carrier_that_refuses_leaves_the_piece_unsent(
    rig: Rig, delivery: PlaybackDelivery, posted: list[Event], error: Rejected
) -> None:
    """The error goes to the speaker; nothing counts as handed over."""
    rig.carrier.will("start_playback", error)
    with pytest.raises(type(error)):
        delivery.deliver(PIECE, frames())

    assert delivery.sent_s == 0.0 and SynthesisFinished("1-1", 1, 0.1) not in posted


def test_without_redis_the_carrier_is_not_asked(rig: Rig, delivery: PlaybackDelivery) -> None:
    """There would be nothing to fetch."""
    rig.database.is_away = True
    with pytest.raises(StoreError):
        delivery.deliver(PIECE, frames())

    assert rig.carrier.asked == []


def test_a_piece_that_was_stopped_while_it_was_made_is_not_played(
    rig: Rig, delivery: PlaybackDelivery, posted: list[Event]
) -> None:
    """The stop itself is asked for once."""

    def interrupted() -> Iterator[AudioFrame]:
        delivery.stop_sending(2)
        delivery.clear(2)
        yield from frames()

    delivery.deliver(PIECE, interrupted())
    settle()

    assert rig.carrier.names() == ["stop_playback"] and posted == []


def test_half_a_piece_is_not_played(rig: Rig, delivery: PlaybackDelivery, posted: list[Event]) -> None:
    """A cancelled voice ends without its last frame."""
    with pytest.raises(EngineFailed):
        delivery.deliver(PIECE, frames(final=False))

    assert rig.carrier.asked == [] and posted == []


def test_clearing_a_call_that_is_over_is_a_success_and_a_refusal_is_told(rig: Rig, delivery: PlaybackDelivery) -> None:
    """Nothing plays there any more; the abort chain reports the other."""
    rig.carrier.will("stop_playback", CallGone("over"))
    delivery.clear(2)
    rig.carrier.will("stop_playback", Rejected("nothing to stop"))
    with pytest.raises(Rejected):
        delivery.clear(3)

    assert rig.carrier.names() == ["stop_playback", "stop_playback"]


def test_the_words_of_a_piece_are_told_once_with_their_times(delivery: PlaybackDelivery, posted: list[Event]) -> None:
    """The frames lie behind each other in the file."""
    told = (
        AudioFrame(bytes(1600), 8000, 0, False, (WordStart(0, 0.0), WordStart(1, 0.05))),
        AudioFrame(bytes(1600), 8000, 1, True, (WordStart(2, 0.025),)),
    )
    delivery.deliver(PIECE, iter(told))

    assert posted[1] == WordsTimed("1-1", 1, 0, (near(0.0), near(0.05), near(0.125)))
