"""backend/session/socket_leg.py: what a caller without a telephone line can have."""

from dataclasses import replace

import pytest

from backend.call.events import CallHungUp, Event
from backend.errors import Rejected
from backend.session.leg_commands import LegCommands
from backend.session.socket_leg import NO_TELEPHONE, SocketLeg, agent_on_socket, own_recogniser
from tests.session.rig import Rig, make_agent

TARGET = {"name": "desk", "number": "+13125550199"}


def test_hanging_up_ends_the_leg_at_once() -> None:
    """By our side: the record says so."""
    posted: list[Event] = []
    leg = SocketLeg(lambda: False)
    leg.post = posted.append
    leg.hang_up("web-1", command_id="x")

    assert posted == [CallHungUp("normal_clearing", "callee")]


def test_transcription_is_granted_until_there_is_a_voice_nobody_would_hear() -> None:
    """A caller who only types is understood without."""
    voices = [False, True]
    leg = SocketLeg(lambda: voices.pop(0))
    leg.start_transcription("web-1", command_id="x", language="en")

    with pytest.raises(Rejected):
        leg.start_transcription("web-1", command_id="x", language="en")


def test_everything_of_the_telephone_is_refused(rig: Rig) -> None:
    """Each as the carrier would refuse it; nothing raises anything else."""
    leg = SocketLeg(lambda: False)
    ask = {"command_id": "x"}
    refused = []
    for do in (
        lambda: leg.answer("c", client_state={}, **ask),
        lambda: leg.reject("c", **ask),
        lambda: leg.start_stream("c", stream_url="", auth_token="", **ask),
        lambda: leg.stop_stream("c", **ask),
        lambda: leg.start_playback("c", audio_url="", **ask),
        lambda: leg.speak("c", text="Hello", language="en", **ask),
        lambda: leg.send_dtmf("c", digits="1", **ask),
        lambda: leg.transfer("c", to_number="+1", timeout_s=1, time_limit_s=1, **ask),
        lambda: leg.dial(
            from_number="", to_number="", client_state={}, detect_machine=False, time_limit_s=1, ring_timeout_s=1, **ask
        ),
    ):  # fmt: skip
        with pytest.raises(Rejected) as error:
            do()
        refused.append(error.value.code)
    leg.stop_transcription("c", **ask)
    leg.stop_playback("c", **ask)

    assert set(refused) == {"no_telephone_line"} and leg.is_alive("c") and leg.live_calls() == {}


def test_it_is_a_carrier_to_whoever_asks(rig: Rig) -> None:
    """The session's own commands go to it."""
    posted: list[Event] = []
    leg = SocketLeg(lambda: False)
    leg.post = posted.append
    services = replace(rig.services, carrier=leg)
    LegCommands(services, "web-1").start_transcription("en")

    assert rig.carrier.of("start_transcription") == [] and posted == []


def test_the_agents_wish_then_the_installations_then_the_sidecar_hears(rig: Rig) -> None:
    """The carrier's cannot; OpenAI's only when it was named, since merely having a model does not mean it transcribes."""
    both = {"sidecar": rig.stt, "openai": rig.stt}
    default = replace(rig.services, recognisers=both)
    chosen = [
        own_recogniser(make_agent(recogniser=name), default) for name in ("", "carrier", "openai", "sidecar")
    ]  # fmt: skip
    openai = replace(rig.services, recognisers=both, stt_engine="openai")
    only_openai = replace(rig.services, recognisers={"openai": rig.stt})

    assert chosen == ["sidecar", "sidecar", "openai", "sidecar"]
    assert own_recogniser(make_agent(), openai) == "openai"
    assert own_recogniser(make_agent(), only_openai) == ""
    assert own_recogniser(make_agent(recogniser="sidecar"), replace(rig.services, recognisers={})) == ""


def test_an_agent_on_a_socket_has_no_telephone_and_knows_it() -> None:
    """The rest of it is as it was."""
    agent = make_agent(
        tools=["hold", "hang_up", "transfer", "send_dtmf"], transfer_targets=[TARGET], audio_delivery="playback"
    )
    on_socket = agent_on_socket(agent, "")

    assert on_socket.tools == ["hold", "hang_up"] and on_socket.instructions.endswith(NO_TELEPHONE)
    assert (on_socket.audio_delivery, on_socket.recogniser) == ("stream", "carrier")
    assert on_socket.settings == agent.settings and on_socket.transfer_targets == agent.transfer_targets
    assert agent_on_socket(make_agent(), "sidecar").instructions == make_agent().instructions
