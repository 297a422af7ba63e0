"""backend/session/carrier_requests.py: what each request becomes at the carrier, and each refusal in the call."""

import pytest

from backend.call.commands import (
    Command,
    HangUp,
    SendDtmf,
    SpeakByCarrier,
    StartTranscription,
    StopTranscription,
    Transfer,
)
from backend.call.events import (
    CallHungUp,
    CarrierCommandFailed,
    Event,
    HangUpAccepted,
    HangUpRefused,
    SynthesisFailed,
    TransferFailed,
)
from backend.errors import CallGone, Rejected, Unavailable
from backend.session.carrier_requests import CarrierRequests
from backend.session.leg_commands import LegCommands
from tests.session.rig import CALL, Rig, settle

SPEAK = SpeakByCarrier("1-1", 1, 1, "Hello.")
COMMANDS: dict[str, Command] = {
    "hang_up": HangUp(1),
    "transfer": Transfer("desk", "+13125550111", 1),
    "send_dtmf": SendDtmf("12", 1),
    "start_transcription": StartTranscription(1),
    "stop_transcription": StopTranscription(1),
    "speak": SPEAK,
}


class Requests:
    """The requests of one call, and what they posted."""

    def __init__(self, rig: Rig) -> None:
        rig.ring()
        self.posted: list[Event] = []
        self.own = CarrierRequests(LegCommands(rig.services, CALL), CALL, "de", self.posted.append)

    def ask(self, command: Command) -> list[Event]:
        """Every event that follows."""
        if isinstance(command, SpeakByCarrier):
            self.own.speak(command)
        elif isinstance(command, Transfer | HangUp | SendDtmf | StartTranscription | StopTranscription):
            self.own.carry_out(command)
        settle()
        return self.posted


@pytest.fixture
def requests(rig: Rig) -> Requests:
    return Requests(rig)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_reaches_the_carrier(rig: Rig, requests: Requests, name: str) -> None:
    """Once; only an accepted hang-up is news."""
    posted = requests.ask(COMMANDS[name])

    assert rig.carrier.names(CALL) == [name]
    assert posted == ([HangUpAccepted()] if name == "hang_up" else [])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_leg_that_is_gone_has_hung_up(rig: Rig, requests: Requests, name: str) -> None:
    """Whatever was asked of it."""
    rig.carrier.always(name, CallGone("gone"))

    assert requests.ask(COMMANDS[name]) == [CallHungUp(cause="already_ended")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hang_up", HangUpRefused()),
        ("transfer", TransferFailed("desk")),
        ("speak", SynthesisFailed("1-1", 1, "carrier_voice")),
        ("send_dtmf", CarrierCommandFailed("send_dtmf")),
        ("start_transcription", CarrierCommandFailed("start_transcription")),
        ("stop_transcription", CarrierCommandFailed("stop_transcription")),
    ],
)
@pytest.mark.parametrize("error", [Rejected("no"), Unavailable("away")])
def test_a_refusal_is_told_by_its_own_event(
    rig: Rig, requests: Requests, error: Rejected | Unavailable, name: str, expected: Event
) -> None:
    """The core knows three of them by name."""
    rig.carrier.always(name, error)

    (event,) = requests.ask(COMMANDS[name])

    assert type(event) is type(expected)
    assert getattr(event, "command", "") == getattr(expected, "command", "")


def test_falling_silent_stops_the_carriers_own_voice_once(rig: Rig, requests: Requests) -> None:
    """Only if it speaks: the carrier would refuse otherwise."""
    requests.own.fall_silent(2)
    settle()
    assert rig.carrier.names(CALL) == []

    requests.ask(SPEAK)
    requests.own.fall_silent(2)
    requests.own.fall_silent(3)
    settle()

    assert rig.carrier.names(CALL) == ["speak", "stop_playback"]


def test_one_that_waits_does_not_hold_up_the_next(rig: Rig, requests: Requests) -> None:
    """Each has a greenlet of its own."""
    requests.own.carry_out(SendDtmf("1", 1))
    requests.own.carry_out(HangUp(1))
    assert rig.carrier.names(CALL) == []  # nothing was asked in the caller's own greenlet
    settle()

    assert set(rig.carrier.names(CALL)) == {"send_dtmf", "hang_up"}
