"""backend/live/tone/analyser.py, the external one against a real HTTP server on loopback."""

import threading
from typing import Any

import numpy as np
import pytest

from backend.live.tone import analyser as module
from backend.live.tone.analyser import (
    EXTERNAL,
    FAILURES,
    PROSODY,
    External,
    ExternalSession,
    InProcess,
    make_tone_analyser,
)
from backend.live.tone.prosody import Tone
from backend.live.tone.windows import Window
from tests.live.tone.analyser_server import Analyser, running
from tests.live.tone.test_prosody import speech

CALL = "v3:the-call"
SPEECH = Window(3.0, speech()[0])


def opened(server: Analyser, **options: Any) -> ExternalSession:
    return External(base_url=f"{server.url}/v1/", **options).open(CALL, 1800.0)


def test_in_process_each_speaker_has_a_voice_of_their_own() -> None:
    """And says that it was judged here."""
    session = InProcess().open(CALL, 1800.0)
    for _ in range(10):
        session.analyse(SPEECH, "caller")
    caller, agent = session.analyse(SPEECH, "caller"), session.analyse(SPEECH, "agent")

    assert caller.tone is not None and agent.tone is not None and caller.tone.confidence > agent.tone.confidence
    assert caller.analyser == PROSODY


def test_an_external_analyser_is_allocated_asked_and_released() -> None:
    """Once per call; its audio is the window's; the call's id does not leave the house."""
    with running(token="s3cret") as server:
        session = opened(server, token="s3cret")
        judged = [session.analyse(SPEECH, "caller") for _ in range(2)]
        session.close()
        session.close()

    assert [one.tone for one in judged] == [Tone("angry", 0.8, False)] * 2
    assert {one.analyser for one in judged} == {EXTERNAL}
    assert [(body["ttl_s"], body["sample_rate"]) for body in server.allocated] == [(1800.0, 8000)]
    assert [(body["path"], body["at_s"], body["speaker"]) for body in server.windows] == [
        ("/sessions/1", 3.0, "caller")
    ] * 2
    assert server.samples(0) == SPEECH.samples.tobytes() and server.released == ["/sessions/1"]
    assert server.refused == 0 and CALL not in str(server.allocated + server.windows)


def test_a_call_in_which_nobody_spoke_allocates_nothing() -> None:
    """And so releases nothing."""
    with running() as server:
        opened(server).close()

    assert (server.allocated, server.released) == ([], [])


def test_a_fixed_url_is_neither_allocated_nor_released() -> None:
    """It is used as it stands."""
    with running() as server:
        session = External(fixed_url=f"{server.url}/tone").open(CALL, 60.0)
        judged = session.analyse(SPEECH, "caller")
        session.close()

    assert judged.analyser == EXTERNAL and server.windows[0]["path"] == "/tone"
    assert (server.allocated, server.released) == ([], [])


def test_its_labels_shift_like_ours() -> None:
    """Told when two of three seconds agree."""
    with running() as server:
        session = opened(server)
        shifts = []
        for label in ("calm", "angry", "calm", "angry", "angry"):
            server.answer = {"label": label, "confidence": 0.9}
            tone = session.analyse(SPEECH, "caller").tone
            shifts.append(tone is not None and tone.is_shift)
        server.answer = {"label": ""}
        silent = session.analyse(SPEECH, "caller")
        session.close()

    assert shifts == [False, False, False, True, False] and (silent.tone, silent.analyser) == (None, EXTERNAL)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"label": "calm", "confidence": 0.5}, 500), ({"label": "calm", "confidence": 0.5}, 302), (b"not json", 200),
        ([1], 200), ({}, 200), ({"label": "<script>", "confidence": 0.5}, 200), ({"label": "x" * 40}, 200),
        ({"label": "calm", "confidence": 7}, 200), ({"label": "calm", "confidence": True}, 200),
        ({"label": "calm", "confidence": "high"}, 200), (b'{"label": "calm", "pad": "' + b"x" * 100_000 + b'"}', 200),
    ],
)  # fmt: skip
def test_a_window_that_it_fails_for_is_judged_here(answer: Any, status: int) -> None:
    """The next one is asked of it again."""
    with running(answer=answer, status=status) as server:
        session = opened(server)
        failed = session.analyse(SPEECH, "caller")
        server.answer, server.status = {"label": "angry", "confidence": 0.8}, 200
        healed = session.analyse(SPEECH, "caller")
        session.close()

    assert (failed.analyser, healed.analyser) == (PROSODY, EXTERNAL) and failed.tone is not None
    assert server.released == ["/sessions/1"]


def test_after_three_failures_in_a_row_the_rest_of_the_call_is_judged_here() -> None:
    """It is asked no more, and released all the same."""
    with running(status=503) as server:
        session = opened(server)
        judged = [session.analyse(SPEECH, "caller").analyser for _ in range(FAILURES + 3)]
        session.close()

    assert judged == [PROSODY] * (FAILURES + 3) and len(server.windows) == FAILURES
    assert server.released == ["/sessions/1"]


@pytest.mark.parametrize("way", ["no_url", "nobody_there"])
def test_what_cannot_be_allocated_is_not_tried_again(way: str) -> None:
    """The whole call is judged here."""
    with running(allocates=False) as server:
        session = opened(server) if way == "no_url" else External(base_url="http://127.0.0.1:9").open(CALL, 60.0)
        judged = [session.analyse(SPEECH, "caller").analyser for _ in range(3)]
        session.close()

    assert judged == [PROSODY] * 3 and len(server.allocated) == (1 if way == "no_url" else 0)
    assert server.released == []


def test_one_that_hangs_costs_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the window is judged here."""
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.05)
    with running(hangs=threading.Event()) as server:
        session = opened(server)
        judged = session.analyse(SPEECH, "caller")
        assert server.hangs is not None
        server.hangs.set()
        session.close()

    assert judged.analyser == PROSODY


def test_a_release_that_fails_is_only_logged(log_text: Any) -> None:
    """Its time to live sees to it."""
    with running() as server:
        session = opened(server)
        server.url = "http://127.0.0.1:9"  # where it sends this call
        session.analyse(SPEECH, "caller")
        session.close()

    assert "tone_analyser_not_released" in log_text()


def test_settings_name_an_analyser() -> None:
    """`off`: none."""
    assert isinstance(make_tone_analyser("prosody", base_url="", fixed_url="", token=""), InProcess)
    assert isinstance(make_tone_analyser("external", base_url="http://x", fixed_url="", token=""), External)
    assert make_tone_analyser("off", base_url="", fixed_url="", token="") is None


def test_silence_has_no_tone() -> None:
    """In-process."""
    silent = InProcess().open(CALL, 60.0).analyse(Window(0.0, np.zeros(8000, np.int16)), "caller")

    assert silent.tone is None
