"""backend/session/leg_commands.py"""

from collections.abc import Callable

import pytest

from backend.call.commands import HangUp, SendDtmf, Speak, SpeakByCarrier, Transfer
from backend.errors import CallGone, Rejected, StoreError, Unavailable
from backend.session.leg_commands import LegCommands
from tests.session.rig import CALL, Rig

Ask = Callable[[LegCommands], None]
PIECE = Speak("1-1", 1, 1, "Hello.", "answer")
SECRET = "s" * 22
COMMANDS: dict[str, tuple[Ask, Ask]] = {
    "answer": (lambda legs: legs.answer({"agent_id": "a"}), lambda legs: legs.answer({"agent_id": "a"})),
    "hang_up": (lambda legs: legs.hang_up(HangUp(1)), lambda legs: legs.hang_up(HangUp(2))),
    "start_stream": (lambda legs: legs.start_stream(1), lambda legs: legs.start_stream(2)),
    "stop_playback": (lambda legs: legs.stop_playback(2), lambda legs: legs.stop_playback(3)),
    "send_dtmf": (lambda legs: legs.send_dtmf(SendDtmf("1", 1)), lambda legs: legs.send_dtmf(SendDtmf("1", 2))),
    "transfer": (
        lambda legs: legs.transfer(Transfer("desk", "+13125550111", 1)),
        lambda legs: legs.transfer(Transfer("desk", "+13125550111", 2)),
    ),
    "start_playback": (
        lambda legs: legs.start_playback(PIECE, SECRET),
        lambda legs: legs.start_playback(Speak("1-2", 1, 2, "Hello.", "answer"), SECRET),
    ),
    "speak": (
        lambda legs: legs.speak(SpeakByCarrier("1-1", 1, 1, "Hello."), "en"),
        lambda legs: legs.speak(SpeakByCarrier("1-2", 1, 2, "Hello."), "en"),
    ),
}
"""Command → how to ask for it, and for the next one of its kind."""


@pytest.fixture
def legs(rig: Rig) -> LegCommands:
    rig.ring()
    return LegCommands(rig.services, CALL)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_wish_has_the_same_id_on_every_worker(rig: Rig, legs: LegCommands, name: str) -> None:
    """So a repetition has one effect at the carrier; the next wish, or another call's, has another id."""
    same, following = COMMANDS[name]
    same(legs)
    same(LegCommands(rig.services, CALL))
    following(legs)
    rig.ring("v3:other")
    same(LegCommands(rig.services, "v3:other"))
    first, again, then, elsewhere = (asked.command_id for asked in rig.carrier.of(name))

    assert first == again and len(first) == 32 and elsewhere != first
    assert (then == first) is (name == "answer")


def test_no_two_commands_of_a_call_share_an_id(rig: Rig, legs: LegCommands) -> None:
    """The carrier would drop the second one."""
    for first, _ in COMMANDS.values():
        first(legs)
    legs.start_transcription("en")
    legs.reject()

    assert len({asked.command_id for asked in rig.carrier.asked}) == len(COMMANDS) + 2


def test_each_attempt_to_listen_is_a_command_of_its_own(rig: Rig, legs: LegCommands) -> None:
    """The carrier would take a second one of the same id for done, and go on not listening."""
    legs.start_transcription("en")
    legs.start_transcription("en", attempt=1)
    legs.start_transcription("en", attempt=2)
    first, again, second = (asked.command_id for asked in rig.carrier.of("start_transcription"))

    assert first == again != second


def test_the_stream_is_asked_for_with_a_token_that_opens_it_once(rig: Rig, legs: LegCommands) -> None:
    """A second attempt makes the first token void."""
    legs.start_stream(1)
    legs.start_stream(2)
    first, second = (asked.arguments["auth_token"] for asked in rig.carrier.of("start_stream"))

    assert not rig.stores.stream_tokens.redeem(CALL, first)
    assert rig.stores.stream_tokens.redeem(CALL, second) and not rig.stores.stream_tokens.redeem(CALL, second)
    assert rig.carrier.asked[0].arguments["stream_url"].endswith(CALL)


def test_without_redis_no_stream_is_asked_for(rig: Rig, legs: LegCommands) -> None:
    """Nobody could check its token."""
    rig.database.is_away = True
    with pytest.raises(StoreError):
        legs.start_stream(1)

    assert rig.carrier.asked == []


@pytest.mark.parametrize("error", [CallGone("gone"), Rejected("no"), Unavailable("away")])
def test_the_carriers_errors_go_to_who_asked(rig: Rig, legs: LegCommands, error: CallGone) -> None:
    """Only they know whether it was a success."""
    rig.carrier.will("hang_up", error)
    with pytest.raises(type(error)):
        legs.hang_up(HangUp(1))


def test_a_transfer_rings_and_lasts_for_a_bounded_time(rig: Rig, legs: LegCommands) -> None:
    """Nobody watches a transferred call."""
    legs.transfer(Transfer("desk", "+13125550111", 1))

    assert rig.carrier.asked[0].arguments == {"to_number": "+13125550111", "timeout_s": 30, "time_limit_s": 4 * 3600}
