"""Whether a voice has finished or will go on, by the sound of its last eight seconds: the smart-turn model, v3.2.

Decides a probability, nothing else; when to ask is `session/turn_predictor.py`, what follows is `call/endpointing.py`.
The model (BSD-2-Clause, 23 languages, 8.7 MB) lies in the wheel of `requirements-turn.txt`. It is run by onnxruntime from
its file; the package around it is never imported, it would need twenty others. The features are our own
(`audio/log_mel.py`), the same to 1e-4 as those of that package.

One judgement costs about 30 ms of CPU on a fast core, 80 on a slow one: far too long for the hub. It runs in one thread
of the worker's own, one after the other; `judge` blocks the greenlet that calls it, nobody else. A verdict that would
come late is worth nothing, so a long queue is refused.

On synthetic speech its verdicts mean little (it was trained on people): no rehearsal may rest on them.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from gevent.threadpool import ThreadPool
from numpy.typing import NDArray

from backend.audio.log_mel import SAMPLE_RATE, log_mel
from backend.audio.resample import RATES, Resampler
from backend.errors import EngineBusy, EngineFailed, SettingsError

NAME = "smart_turn"
WINDOW_S = 8.0
MOST_WAITING = 4
"""Judgements under way or in the queue of one worker: on a slow core the last of them is 0.3 s late."""
_WINDOW = int(WINDOW_S * SAMPLE_RATE)
_PIECE = 2000
"""Samples resampled at once: few enough for one thread, as in `audio/log_mel.py`."""
_PACKAGE = "pipecat"
_FILE = Path("audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx")


def find_model() -> Path:
    """The model's file in the installed wheel. Raises SettingsError when it is not there."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise SettingsError(
        "wrong settings:\nTURN_DETECTOR: smart_turn needs a model that is not installed. Either "
        "`pip install --no-deps -r requirements-turn.txt`, or set TURN_DETECTOR=silence"
    )


def window_of(pcm: bytes, sample_rate: int) -> NDArray[np.float32]:
    """The last 8 s of mono s16le audio at 16 kHz, within ±1, silence in front where there is less."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], np.dtype("<i2"))[-int(WINDOW_S * sample_rate) :]
    resampler = Resampler(sample_rate, SAMPLE_RATE)
    pieces = [resampler.process(samples[at : at + _PIECE]) for at in range(0, len(samples), _PIECE)]
    wide = np.concatenate([*pieces, resampler.flush()])[-_WINDOW:]
    window = np.zeros(_WINDOW, np.float32)
    if len(wide):
        window[-len(wide) :] = wide.astype(np.float32) / 32768.0
    return window


class SmartTurn:
    """Implements `TurnModel`. One per worker, made after the fork."""

    window_s = WINDOW_S

    def __init__(self, model_path: Path | None = None) -> None:
        self._session = _load(model_path or find_model())
        self._pool: ThreadPool | None = None
        self._waiting = 0

    def judge(self, pcm: bytes, sample_rate: int) -> float:
        if sample_rate not in RATES:
            raise EngineFailed(f"cannot judge audio of {sample_rate} Hz", engine=NAME)
        if self._waiting >= MOST_WAITING:
            raise EngineBusy("too many judgements are waiting", engine=NAME)
        if self._pool is None:
            self._pool = ThreadPool(1)
        self._waiting += 1
        try:
            verdict = self._pool.apply(self._run, (pcm, sample_rate))
        finally:
            self._waiting -= 1
        if isinstance(verdict, float):
            return verdict
        raise EngineFailed(f"smart-turn failed: {verdict}", engine=NAME)

    def _run(self, pcm: bytes, sample_rate: int) -> float | str:
        """In the thread. Never raises: gevent would print whatever it is, unredacted."""
        try:
            features = log_mel(window_of(pcm, sample_rate))
            probability = float(self._session.run(None, {"input_features": features[None]})[0].reshape(-1)[0])
        except Exception as error:  # onnxruntime has no common class of errors
            return type(error).__name__
        return min(max(probability, 0.0), 1.0) if np.isfinite(probability) else "NotANumber"


def _load(model_path: Path) -> Any:
    import onnxruntime  # noqa: PLC0415  not wanted by an installation without this detector

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its start-up remarks about unused initialisers
    try:
        return onnxruntime.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a broken file: any of a dozen classes
        raise EngineFailed(f"{model_path}: cannot be loaded ({type(error).__name__})", engine=NAME) from error
