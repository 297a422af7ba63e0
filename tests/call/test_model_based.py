"""A call under every kind of disturbance, chosen by Hypothesis; the referee judges each step (T08b).

The real `Conversation` and the shared playback ledger run in a simulated call. The rules deliver, double, drop and delay
the carrier's reports, let the caller speak, interrupt, hum and hang up, let the model and the voice fail or hang, lose
the media socket, and let time pass. After every step `tests/fakes/call_referee.py` checks: speaking ends within the
audio + 2 s; a deadline exists and moves forward; one check-in per silence; hang-up attempts in order; nothing after the
last command; only the current generation is spoken, and of no older one the carrier gets audio; what a sound cut is taken
up again once at most, from the word after the last one heard; a draft is said only when the turn ended with its words;
turns move only along the table (`InvalidTransition` would end the run). At the end all further reports are lost, and
the call must still come to its end.

2,000 examples of 50 steps, the same ones each time; HYPOTHESIS_PROFILE=night: 20,000 new ones.
"""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from backend.call.agent_config import AgentConfig
from backend.call.events import (
    CallBridged,
    CarrierCommandFailed,
    DrainRequested,
    MachineDetected,
    MachineGreetingEnded,
    MediaStarted,
    SpeechStarted,
    TransferFailed,
)
from tests.fakes.call_sim import CallSim, Reply

_TARGET = {"name": "sales", "number": "+13125550100"}
_TOOLS = ["hold", "hang_up", "transfer", "send_dtmf"]
_BARE: dict[str, Any] = {"name": "Test", "tools": _TOOLS, "transfer_targets": [_TARGET]}
AGENTS = {
    "plain": AgentConfig(**_BARE),
    "no greeting, goodbye": AgentConfig(
        **_BARE, greeting="", settings={"dead_air_settings": {"goodbye_message": "Goodbye.", "max_call_duration": 90}}
    ),
    "short goodbye": AgentConfig(
        **_BARE,
        settings={
            "dead_air_settings": {
                "goodbye_message": "I did not hear anything from you, so I hang up now. Goodbye!",
                "silence_timeout_normal": 2,
                "final_wait": 1,
                "max_checkins_before_disconnect": 1,
            }
        },
    ),
    "impatient, transfers": AgentConfig(
        **_BARE,
        settings={
            "dead_air_settings": {"silence_timeout_normal": 2, "final_wait": 0, "max_checkins_before_disconnect": 3},
            "no_progress": {"transfer_target": "sales"},
        },
    ),
    "thinks ahead": AgentConfig(
        **_BARE,
        greeting="",
        settings={"turn_taking": {"speculation": True, "min_endpointing_delay_s": 1.2, "max_endpointing_delay_s": 4.0}},
    ),
    "thinks ahead, impatient": AgentConfig(
        **_BARE, greeting="", settings={"turn_taking": {"speculation": True, "min_endpointing_delay_s": 0.25}}
    ),
    "outbound, leaves a message": AgentConfig(
        **_BARE,
        answering_machine="leave_message",
        machine_message="Please call us back.",
        settings={"dead_air_settings": {"max_checkins_before_disconnect": 0, "goodbye_message": "Goodbye."}},
    ),
}
REPLIES = (
    Reply(),
    Reply(("One sentence.", "And a second one, which is longer.", "And a third.")),
    Reply(("Slow.",), first_after_s=9.0),
    Reply(("First.", "Last."), between_s=12.0),
    Reply(()),
    Reply((), then="fails"),
    Reply(("Half.",), then="fails"),
    Reply((), then="stalls"),
    Reply(("Then nothing.",), then="stalls"),
    Reply((), tools=(("hold", {}),)),
    Reply(("Goodbye!",), tools=(("hang_up", {}),)),
    Reply((), tools=(("hang_up", {}),), then="stalls"),
    Reply(("I connect you.",), tools=(("transfer", {"target": "sales"}),)),
    Reply(("I connect you.",), tools=(("transfer", {"target": "nobody"}),)),
    Reply((), tools=(("send_dtmf", {"digits": "12#"}), ("send_dtmf", {"digits": "?"}))),
)
WORDS = ("Hello?", "hold on please", "mm-hm", "I would like to know when you are open on Sundays", "  ")
CHANGES: tuple[tuple[str, str, Any], ...] = (
    ("voice", "fails", 1),
    ("voice", "fails", 4),
    ("voice", "hangs", 1),
    ("voice", "hangs", 4),
    ("voice", "dies_after_s", 0.4),
    ("voice", "first_audio_after_s", 3.0),
    ("voice", "first_audio_after_s", 0.1),
    ("carrier", "speaks", False),
    ("carrier", "refuses_transcriptions", 2),
    ("carrier", "refuses_transcriptions", 9),
    ("carrier", "hang_ups", "report_lost"),
    ("carrier", "hang_ups", "refused"),
    ("carrier", "transfers", "failed"),
    ("carrier", "transfers", "silent"),
    ("carrier", "transfer_takes_s", 50.0),
)
STRAYS = (
    MediaStarted(),
    MachineGreetingEnded(),
    TransferFailed("sales"),
    CallBridged(),
    MachineDetected("machine"),
    MachineDetected("human"),
    CarrierCommandFailed("start_transcription"),
)
FAULTS = ("loses_ends", "doubles_ends", "delays_ends", "loses_starts", "delays_starts", "refuses_playbacks")
LIMIT_S = 400.0
BRIDGED_LIMIT_S = 4 * 3600.0 + LIMIT_S


class DisturbedCall(RuleBasedStateMachine):
    sim: CallSim

    @initialize(
        agent=st.sampled_from(sorted(AGENTS)),
        way=st.sampled_from([("stream", "owner"), ("playback", "owner"), ("playback", "another_worker")]),
        may_barge_in=st.booleans(),
    )
    def call_begins(self, agent: str, way: tuple[Any, Any], may_barge_in: bool) -> None:
        self.sim = CallSim(
            AGENTS[agent],
            delivery=way[0],
            webhooks_reach=way[1],
            may_barge_in=may_barge_in,
            direction="outgoing" if agent.startswith("outbound") else "incoming",
        )

    def _is_alive(self) -> bool:
        return not self.sim.conversation.is_over

    @rule(seconds=st.sampled_from([0.05, 0.3, 0.7, 1.5, 3.0]))
    def a_moment_passes(self, seconds: float) -> None:
        self.sim.run_for(seconds)

    @rule(seconds=st.sampled_from([5.0, 7.0, 12.0, 26.0]))
    def time_passes(self, seconds: float) -> None:
        self.sim.run_for(seconds)

    @rule(by_s=st.sampled_from([0.0, 0.15, 0.6]))
    def the_agent_begins_to_speak(self, by_s: float) -> None:
        """Up to the next piece, and a little into it: where the races are."""
        count = len(self.sim.heard)
        until = self.sim.now + 26.0
        while len(self.sim.heard) == count and self.sim.now < until and not self.sim.conversation.is_over:
            self.sim.run_for(0.5)
        self.sim.run_for(by_s)

    @rule(
        text=st.sampled_from(WORDS),
        form=st.sampled_from(["final", "interim", "with interim", "no voice seen"]),
        after_s=st.sampled_from([0.0, 0.4, 2.0]),
    )
    def caller_speaks(self, text: str, form: str, after_s: float) -> None:
        if form == "no voice seen":
            self.sim.words(text, after=after_s)
        else:
            self.sim.caller_says(text, after=after_s, is_final=form != "interim", interim=form == "with interim")
        self.sim.run_for(0.5)

    @rule(seconds=st.sampled_from([0.2, 0.6, 4.0, 30.0]))
    def caller_makes_noise(self, seconds: float) -> None:
        self.sim.caller_makes_noise(seconds)
        self.sim.run_for(0.5)

    @rule(act=st.sampled_from(["begins for ever", "presses keys"]))
    def caller_is_odd(self, act: str) -> None:
        if act == "presses keys":
            self.sim.press("1#")
        else:
            self.sim.post(SpeechStarted(self.sim.clock.now))
        self.sim.run_for(0.5)

    @rule(fault=st.sampled_from(FAULTS), count=st.sampled_from([1, 3]), delay_s=st.sampled_from([0.5, 2.5, 9.0]))
    def carrier_misbehaves(self, fault: str, count: int, delay_s: float) -> None:
        setattr(self.sim.carrier, fault, count)
        self.sim.carrier.delay_s = delay_s

    @rule(back=st.integers(0, 5))
    def carrier_repeats_itself(self, back: int) -> None:
        if back < len(self.sim.reports):
            self.sim.post(self.sim.reports[-1 - back])

    @rule(reply=st.sampled_from(REPLIES))
    def model_answers(self, reply: Reply) -> None:
        """The caller asks something, and this is what comes."""
        self.sim.replies.append(reply)
        self.sim.caller_says("And what about that?")
        self.sim.run_for(3.0)

    @rule(change=st.sampled_from(CHANGES))
    def the_world_changes(self, change: tuple[str, str, Any]) -> None:
        part, name, value = change
        setattr(getattr(self.sim, part), name, value)

    @rule(event=st.sampled_from(STRAYS))
    def a_stray_report_arrives(self, event: Any) -> None:
        if not isinstance(event, CallBridged) or not self.sim.transfers:
            self.sim.post(event)
            self.sim.run_for(0.1)

    # The one below ends a call: only later, so that most runs get long.

    @precondition(lambda self: self.sim.now > 90)
    @rule(end=st.sampled_from(["media", "caller", "worker at once", "worker politely"]))
    def the_end_begins(self, end: str) -> None:
        match end:
            case "media":
                self.sim.lose_media()
            case "caller":
                self.sim.caller_hangs_up()
            case _:
                self.sim.post(DrainRequested(1.0 if end == "worker at once" else 30.0))

    def teardown(self) -> None:
        if not hasattr(self, "sim"):
            return
        carrier = self.sim.carrier
        carrier.loses_ends = carrier.loses_starts = 10**6
        carrier.hang_ups, carrier.transfers = "ignored", "silent"
        self.sim.run_until_over(at_most_s=BRIDGED_LIMIT_S if self.sim.transfers else LIMIT_S)
        self.sim.run_for(5.0)
        assert self.sim.conversation.deadline() is None


_NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"
TestDisturbedCall = DisturbedCall.TestCase
TestDisturbedCall.settings = settings(
    max_examples=int(os.environ.get("OFFHOOK_EXAMPLES", "0")) or (20_000 if _NIGHT else 2_000),
    stateful_step_count=50,
    deadline=None,
    derandomize=not _NIGHT,
    database=None,
    print_blob=False,
    phases=(Phase.generate,) if os.environ.get("OFFHOOK_EXAMPLES") else (Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.timeout(3 * 3600 if _NIGHT else 600)
