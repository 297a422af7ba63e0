"""The recordings of calls on disk: one stereo μ-law WAV file for each, left the caller, right the agent.

8 kHz of one byte per sample and side: the telephone's own encoding, so nothing is lost and an hour takes 58 MB, half of
what PCM would; every browser plays it. The file is valid at any time: its header is written anew after each stretch, so
that one whose writer died can be played as far as it came. Names are hashes of the call's id, which may hold anything.

Beside a recording lies, once somebody has looked at it, its waveform (`.peaks`), which goes with it. Everything here
blocks: callers in a gevent hub go through a thread. Raises OSError only.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.audio.g711 import decode_ulaw

RATE = 8000
BYTES_PER_S = 2 * RATE
HEADER_BYTES = 58
PEAK_EVERY_S = 0.1
_PEAK_BYTES = round(PEAK_EVERY_S * BYTES_PER_S)
_ULAW = 7
_MOST_DATA = 0xFFFFFFFF - HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Waveform:
    """How loud each side was: peaks of each `step_s`, 0 to 100 in hundredths of full scale."""

    step_s: float
    caller: list[int]
    agent: list[int]


class RecordingFile:
    """One recording being written. Made by `RecordingFiles.create`; one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._data_bytes = 0
        try:
            self._write(_header(0), 0)
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, stereo: bytes) -> None:
        """Interleaved μ-law behind what is there. The header follows: a crash in between costs this stretch only."""
        if self._data_bytes + len(stereo) > _MOST_DATA:
            raise OSError("a WAV file holds no more than 4 GiB")
        self._write(stereo, HEADER_BYTES + self._data_bytes)
        self._write(_header(self._data_bytes + len(stereo)), 0)
        self._data_bytes += len(stereo)

    def put(self, side: int, frame: int, encoded: bytes) -> None:
        """μ-law of one side (0 left, 1 right) over what stands there; must lie inside what was appended."""
        start = HEADER_BYTES + 2 * frame
        both = bytearray(os.pread(self._descriptor, 2 * len(encoded), start))
        both[side::2] = encoded[: len(both) // 2]
        self._write(bytes(both), start)

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, data: bytes, at: int) -> None:
        while data:
            written = os.pwrite(self._descriptor, data, at)
            data, at = data[written:], at + written


class RecordingFiles:
    """The folder. Made when the first recording is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, call_control_id: str) -> Path:
        """Where the call's recording is, or would be."""
        return self.folder / f"{hashlib.sha256(call_control_id.encode('utf-8', 'replace')).hexdigest()[:40]}.wav"

    def create(self, call_control_id: str) -> RecordingFile:
        """An empty recording; one that was there is overwritten."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _peaks_path(self.path(call_control_id)).unlink(missing_ok=True)
        return RecordingFile(self.path(call_control_id))

    def length(self, call_control_id: str) -> tuple[float, int]:
        """Seconds that can be played, and bytes on disk; (0, 0) when there is none."""
        try:
            with self.path(call_control_id).open("rb") as file:
                header = file.read(HEADER_BYTES)
                size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            return 0.0, 0
        data_bytes = struct.unpack("<I", header[-4:])[0] if len(header) == HEADER_BYTES else 0
        return min(data_bytes, max(0, size - HEADER_BYTES)) / BYTES_PER_S, size

    def delete(self, call_control_id: str) -> None:
        """The recording and its waveform. Harmless when there is none."""
        path = self.path(call_control_id)
        _peaks_path(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def waveform(self, call_control_id: str, *, is_final: bool) -> Waveform:
        """Its waveform; kept beside it once nothing more is written. FileNotFoundError without a recording."""
        path = self.path(call_control_id)
        kept = _peaks_path(path)
        try:
            peaks = np.frombuffer(kept.read_bytes(), np.uint8)
        except FileNotFoundError:
            peaks = np.concatenate([np.zeros(0, np.uint8), *_peaks(path)])
            if is_final:
                _keep(kept, peaks.tobytes())
        both = peaks.reshape(-1, 2)
        return Waveform(PEAK_EVERY_S, both[:, 0].tolist(), both[:, 1].tolist())

    def left_since(self, before: float) -> Iterator[Path]:
        """Files here that nobody has written to since `before` (wall-clock seconds)."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.suffix in (".wav", ".peaks") and path.stat().st_mtime < before:
                yield path


def _peaks(path: Path) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Left and right in turn, a piece of the file at a time: an hour must not be decoded at once."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        left = struct.unpack("<I", header[-4:])[0] if len(header) == HEADER_BYTES else 0
        while left > 0 and (data := file.read(min(left, 300 * _PEAK_BYTES))):
            left -= len(data)
            padded = data + b"\xff" * (-len(data) % _PEAK_BYTES)
            levels = np.abs(decode_ulaw(padded).astype(np.int32)).reshape(-1, _PEAK_BYTES // 2, 2).max(axis=1)
            yield (levels * 100 // 32768).astype(np.uint8).reshape(-1)


def _peaks_path(path: Path) -> Path:
    return path.with_suffix(".peaks")


def _keep(path: Path, data: bytes) -> None:
    """All of it or nothing. A full disk costs the next visitor a second, nothing else."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)


def _header(data_bytes: int) -> bytes:
    form = struct.pack("<HHIIHHH", _ULAW, 2, RATE, BYTES_PER_S, 2, 8, 0)
    fact = struct.pack("<I", data_bytes // 2)
    size = HEADER_BYTES - 8 + data_bytes
    return b"".join(
        (
            b"RIFF", struct.pack("<I", size), b"WAVE",
            b"fmt ", struct.pack("<I", len(form)), form,
            b"fact", struct.pack("<I", len(fact)), fact,
            b"data", struct.pack("<I", data_bytes),
        )
    )  # fmt: skip
