"""backend/session/captioner.py, on a real session."""

from backend.call.captions import Caption
from backend.call.events import TYPED, CallHungUp, TranscriptReceived
from backend.session.captioner import Captioner
from backend.session.session import Session
from tests.fakes.fake_stream import FakeStream
from tests.session.rig import CALL, Rig, make_agent, settle, wait_until


def test_a_session_is_read_along_and_its_outcome_told_once(rig: Rig) -> None:
    """Both sides, in order; words that meant nothing to the call are no line."""
    lines: list[Caption] = []
    ends: list[str] = []
    leg = rig.ring()
    stream = rig.streams[CALL] = FakeStream(rig.clock)
    watcher = Captioner(lines.append, ends.append)
    session = Session(rig.services, CALL, leg, make_agent(), stream, rig.session_over, watcher)
    stream.listener = session
    rig.registry.add(session)
    session.on_started("L16", 8000)
    settle()
    rig.advance(0.5)
    session.post(TranscriptReceived("by nobody we know", True, recogniser="somebody"))
    session.post(TranscriptReceived("Hello there.", True, recogniser=TYPED))
    settle()
    session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: rig.over)

    assert lines[:2] == [Caption("agent", "Hello.", True), Caption("caller", "Hello there.", True)]
    assert ends == ["caller_hung_up"]
