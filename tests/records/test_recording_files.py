"""backend/records/recording_files.py"""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from backend.audio.g711 import encode_ulaw
from backend.records.recording_files import BYTES_PER_S, HEADER_BYTES, RecordingFiles

CALL = "v3:../../etc/passwd\x00ü"
LOUD = encode_ulaw(np.full(1, 16380, np.int16))
SILENT = b"\xff"


def stereo(seconds: float, left: bytes = SILENT, right: bytes = SILENT) -> bytes:
    return (left + right) * round(seconds * 8000)


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    return RecordingFiles(tmp_path / "deep" / "recordings")


def parts(data: bytes) -> dict[str, bytes]:
    """The chunks of a RIFF file."""
    found, stream = {}, io.BytesIO(data)
    assert stream.read(4) == b"RIFF" and struct.unpack("<I", stream.read(4))[0] == len(data) - 8
    assert stream.read(4) == b"WAVE"
    while name := stream.read(4):
        found[name.decode()] = stream.read(struct.unpack("<I", stream.read(4))[0])
    return found


def test_the_file_is_valid_after_every_stretch(files: RecordingFiles) -> None:
    """μ-law, two channels, 8 kHz; whatever was appended is in it, and nobody else may read it."""
    file = files.create(CALL)
    path = files.path(CALL)
    assert len(parts(path.read_bytes())["data"]) == 0
    for number in range(1, 4):
        file.append(stereo(0.5, LOUD))
        chunks = parts(path.read_bytes())

        assert struct.unpack("<HHIIHHH", chunks["fmt "]) == (7, 2, 8000, 16000, 2, 8, 0)
        assert struct.unpack("<I", chunks["fact"])[0] == 4000 * number
        assert chunks["data"] == stereo(0.5 * number, LOUD)
    file.close()
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert files.length(CALL) == (1.5, HEADER_BYTES + len(stereo(1.5)))


def test_a_file_whose_writer_died_in_the_middle_of_a_stretch_can_be_played_as_far_as_it_came(
    files: RecordingFiles,
) -> None:
    """Its header tells of the stretches before; what lies behind is no part of it."""
    file = files.create(CALL)
    file.append(stereo(1.0))
    file.close()
    with files.path(CALL).open("ab") as half:
        half.write(b"half a stretch")

    assert files.length(CALL) == (1.0, HEADER_BYTES + BYTES_PER_S + 14)


def test_what_came_late_is_put_in_on_its_side(files: RecordingFiles) -> None:
    """The other side stays as it was."""
    file = files.create(CALL)
    file.append(stereo(0.01, LOUD))
    file.put(1, 40, LOUD * 20)
    file.close()
    data = parts(files.path(CALL).read_bytes())["data"]

    assert data[0::2] == LOUD * 80 and data[1::2] == SILENT * 40 + LOUD * 20 + SILENT * 20


def test_no_call_leads_out_of_the_folder_and_two_have_two_files(files: RecordingFiles) -> None:
    """Ids come from a carrier."""
    assert files.path(CALL).parent == files.folder and files.path(CALL) != files.path("v3:b")
    assert files.path("\ud800").parent == files.folder


def test_a_full_disk_is_an_os_error_and_leaves_no_descriptor_open(files: RecordingFiles) -> None:
    """/dev/full takes the opening and refuses the writing."""
    files.folder.mkdir(parents=True)
    files.path(CALL).symlink_to("/dev/full")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        files.create(CALL)

    assert len(os.listdir("/proc/self/fd")) == before


def test_deleting_leaves_nothing_and_may_be_repeated(files: RecordingFiles) -> None:
    """The waveform goes with it."""
    file = files.create(CALL)
    file.append(stereo(1.0))
    file.close()
    files.waveform(CALL, is_final=True)
    assert len(list(files.folder.iterdir())) == 2
    files.delete(CALL)
    files.delete(CALL)

    assert list(files.folder.iterdir()) == [] and files.length(CALL) == (0.0, 0)


def test_the_waveform_shows_each_side_by_itself_per_tenth_of_a_second(files: RecordingFiles) -> None:
    """16380 of 32768 is 49 hundredths (μ-law makes 16764 of it: 51); a last step that is not full counts."""
    file = files.create(CALL)
    file.append(stereo(0.1, LOUD) + stereo(0.1, SILENT, LOUD) + stereo(0.05, LOUD, LOUD))
    file.close()
    waveform = files.waveform(CALL, is_final=False)

    assert (waveform.step_s, waveform.caller, waveform.agent) == (0.1, [51, 0, 51], [0, 51, 51])


def test_the_waveform_is_kept_once_the_recording_is_final(files: RecordingFiles) -> None:
    """It is not computed again; a running call's is."""
    file = files.create(CALL)
    file.append(stereo(31.0, LOUD))
    first = files.waveform(CALL, is_final=False)
    file.append(stereo(31.0))
    final = files.waveform(CALL, is_final=True)
    file.close()
    files.path(CALL).write_bytes(b"not read any more")

    assert (len(first.caller), len(final.caller)) == (310, 620)
    assert files.waveform(CALL, is_final=True) == final
    with pytest.raises(FileNotFoundError):
        files.waveform("v3:another", is_final=True)


def test_files_that_nobody_writes_to_any_more_are_found(files: RecordingFiles) -> None:
    """Only ours; a folder that is not there has none."""
    assert list(files.left_since(2e9)) == []
    files.create(CALL).close()
    (files.folder / "notes.txt").write_text("not ours")
    os.utime(files.path(CALL), (1000, 1000))

    assert list(files.left_since(1000.5)) == [files.path(CALL)] and list(files.left_since(999.0)) == []
