"""The worker with this engine, over real gRPC, heard by a client like a web worker's."""

import base64
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.workers.tts.processes import run_client, voice_server

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")
TEXTS = [f"This, dear {name}, is for you and for nobody else. Thank you and good bye, {name}." for name in NAMES]
ALSO_ALONE = (0, 3, 5)
HANGS_UP = 5

LISTEN = """
import base64, json
voice = tts(arguments[0])
texts = json.loads(arguments[1])
also_alone, hangs_up = json.loads(arguments[2]), int(arguments[3])

def listen(number, text, first_s, heard, ends, hangs_up):
    request = ask(text, voice=["anna", "bob"][number % 2], sample_rate=24000)
    began, pcm = clock(), []
    for frame in voice.synthesize(request):
        first_s.setdefault(number, clock() - began)
        pcm.append(frame.pcm)
        ends[number] = frame.is_final
        if number == hangs_up and len(pcm) == 8:
            voice.cancel(request.synthesis_id)
    heard[number] = base64.b64encode(b"".join(pcm)).decode()

def listen_together(hangs_up):
    results = {}, {}, {}
    everybody = [gevent.spawn(listen, number, text, *results, hangs_up) for number, text in enumerate(texts)]
    gevent.joinall(everybody, raise_error=True)
    return results

for _ in range(3):  # after ten seconds of a voice the worker knows how loud it is, and levels it evenly
    listen_together(None)
alone = {}, {}, {}
for number in also_alone:
    listen(number, texts[number], *alone, None)
together = listen_together(hangs_up)
gevent.sleep(0.2)
result |= {"alone": alone, "together": together, "running": voice.health().running}
result["voices"] = [each.name for each in voice.voices()]
"""


def audio(encoded: str) -> NDArray[np.int16]:
    return np.frombuffer(base64.b64decode(encoded), np.int16)


@pytest.mark.live
def test_eight_callers_at_once_each_hear_their_own_text_as_if_alone(brief_directory: Path) -> None:
    """One of them hangs up mid-way: it gets no final frame, its row is gone, the other seven hear every sample."""
    environment = {
        "TTS_ENGINES": "pocket-tts",
        "TTS_MODELS_DIR": str(brief_directory.parent),
        "TTS_MAX_SESSIONS": "8",
        "TTS_POCKET_DEVICE": "cpu",
    }
    with voice_server(**environment) as server:
        result = run_client(LISTEN, server.address, json.dumps(TEXTS), json.dumps(ALSO_ALONE), str(HANGS_UP))
        server.signal(signal.SIGTERM)
        assert server.process.wait(10) == 0

    assert result["voices"] == ["anna", "bob"]
    assert result["running"] == 0
    first_s, heard, ends = result["together"]
    assert len(heard) == len(TEXTS)
    assert [number for number, is_final in ends.items() if not is_final] == [str(HANGS_UP)]
    assert max(first_s.values()) < 2.0
    for number in map(str, ALSO_ALONE):
        together, alone = audio(heard[number]), audio(result["alone"][1][number])
        assert len(together) < len(alone) if number == str(HANGS_UP) else len(together) == len(alone)
        # Rounding to whole numbers may go either way, before the worker levels the loudness.
        assert np.abs(together.astype(int) - alone[: len(together)]).max() <= 4
        assert np.abs(alone).max() > 1000


@pytest.mark.live
def test_a_worker_without_its_model_does_not_start_and_says_which_file(tmp_path: Path) -> None:
    """One line, and a status that supervisors understand as final."""
    with (
        pytest.raises(AssertionError, match=r"pocket/config\.yaml is missing"),
        voice_server(TTS_ENGINES="pocket-tts", TTS_MODELS_DIR=str(tmp_path)),
    ):
        pass
