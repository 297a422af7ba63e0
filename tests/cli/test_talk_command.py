"""`talk`: usage and what cannot be. What it does on a product that runs is in tests/live/test_talk.py."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from backend.audio.wav import build_wav
from backend.cli import main
from backend.cli.talk_command import _read_wav

NOWHERE = ["--url", "http://127.0.0.1:9", "--api-key", "k"]


def test_a_product_that_does_not_answer_is_exit_code_1() -> None:
    """With the address that was asked."""
    result = CliRunner().invoke(main, ["talk", "ada", *NOWHERE])

    assert result.exit_code == 1 and "ws://127.0.0.1:9/api/talk/ada" in result.output


@pytest.mark.parametrize("content", [b"", b"no sound", build_wav(bytes(2000), 8000)[:30]])
def test_a_file_that_is_no_recording_is_wrong_usage(tmp_path: Path, content: bytes) -> None:
    """Before anybody is called."""
    path = tmp_path / "in.wav"
    path.write_bytes(content)
    result = CliRunner().invoke(main, ["talk", "ada", "--wav", str(path), *NOWHERE])

    assert result.exit_code == 2 and "in.wav" in result.output


def test_a_recording_of_a_rate_nobody_knows_is_wrong_usage(tmp_path: Path) -> None:
    """It names the rates that can be used."""
    path = tmp_path / "in.wav"
    path.write_bytes(build_wav(bytes(2000), 11025))
    result = CliRunner().invoke(main, ["talk", "ada", "--wav", str(path), *NOWHERE])

    assert result.exit_code == 2 and "11025" in result.output


def test_a_recording_is_spoken_mono_at_a_rate_the_product_takes(tmp_path: Path) -> None:
    """Stereo is mixed, 22.05 kHz changed, the length kept."""
    stereo = np.stack((np.full(48000, 1000, np.int16), np.full(48000, 3000, np.int16)), axis=1)
    (tmp_path / "stereo.wav").write_bytes(build_wav(stereo.tobytes(), 48000, 2))
    (tmp_path / "odd.wav").write_bytes(build_wav(bytes(2 * 22050), 22050))
    mixed, changed = _read_wav(tmp_path / "stereo.wav"), _read_wav(tmp_path / "odd.wav")

    assert (mixed.sample_rate, mixed.samples.shape, mixed.samples[0]) == (48000, (48000,), 2000)
    assert changed.sample_rate == 8000 and abs(len(changed.samples) - 8000) < 20
