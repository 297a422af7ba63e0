"""The stereo recording."""

import wave
from pathlib import Path

import numpy as np

from backend.rehearsal.recording import write_stereo


def test_the_caller_is_left_the_agent_right_and_the_shorter_side_is_filled_up(tmp_path: Path) -> None:
    """Both sides stay aligned from the first sample on."""
    caller = np.array([1, 2, 3, 4], dtype="<i2").tobytes()
    agent = np.array([-1, -2], dtype="<i2").tobytes()

    seconds = write_stereo(tmp_path / "r.wav", caller, agent)

    with wave.open(str(tmp_path / "r.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        samples = np.frombuffer(file.readframes(10), dtype="<i2").reshape(-1, 2)
    assert seconds == 4 / 8000
    assert samples.tolist() == [[1, -1], [2, -2], [3, 0], [4, 0]]


def test_a_call_without_any_audio_gives_an_empty_file(tmp_path: Path) -> None:
    """A call that was never answered has a recording too."""
    assert write_stereo(tmp_path / "r.wav", b"", b"") == 0
