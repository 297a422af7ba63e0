"""Piper: small voices in many languages that a CPU speaks many times faster than real time, sentence by sentence.

A pool of threads makes sentences, one core each; between two sentences of one text those of others have their turn, and
each text has at most one sentence made ahead of what its listener took. A cancel ends a sentence within the model: the
runtime looks between two of its nodes whether the run was called off. The package is GPL-3 (its front end is espeak-ng):
loaded in this process only.

All voices of a directory are loaded, in pairs as they are published, and nothing is fetched:

    <name>.onnx · <name>.onnx.json        "en_US-lessac-medium"; a file of many speakers also has "<name>#<speaker>"

Settings: TTS_MODELS_DIR, TTS_PIPER_THREADS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from backend.audio.resample import RATES, Resampler
from backend.engines.sentences import SentenceSplitter
from backend.settings import Settings
from backend.workers.tts.adapter import EngineBroken, Samples, ShouldStop, Spend, VoiceInfo, not_counted

SAMPLE_RATE = 22050
"""That of the medium and high voices; a voice of another rate is brought to it here."""
PIECE = SAMPLE_RATE // 5
LONGEST_SENTENCE = 250
FIRST_CLAUSE = 60
LOOK_EVERY_S = 0.01
"""How often a text that waits for its sentence looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class PiperSettings:
    directory: Path = Path("models/piper")
    threads: int = 2


class _Stopped(Exception):
    """Nobody wants this sentence any more."""


class _Session:
    """An ONNX session whose one run can be called off from another thread. Stands in for the package's own, which has
    no way to pass options."""

    def __init__(self, session: Any, options: Any) -> None:
        self._session, self._options = session, options

    def run(self, names: Any, inputs: Any) -> Any:
        return self._session.run(names, inputs, self._options)


class Piper:
    """The engine. See adapter.Adapter."""

    name = "piper"
    native_sample_rate = SAMPLE_RATE

    def __init__(self, settings: PiperSettings) -> None:
        self.settings = settings
        self._pool: ThreadPoolExecutor | None = None
        self._models: dict[str, Any] = {}
        self._infos: list[VoiceInfo] = []

    @classmethod
    def configured(cls, settings: Settings) -> Piper:
        return cls(PiperSettings(settings.tts_models_dir / "piper", settings.tts_piper_threads))

    def load(self) -> None:
        if self._pool is not None:
            return
        directory = self.settings.directory
        files = sorted(directory.glob("*.onnx"))
        if not files:
            raise EngineBroken(
                f"piper: {directory} holds no voice (<name>.onnx); docs/voices.md says where they come from"
            )
        try:
            models = {file.stem: _read_voice(file) for file in files}
        except ImportError as error:
            raise EngineBroken(f"piper: {error.name} is not installed; requirements-gpu.txt has it") from error
        self._infos = [
            _info(name, model, json.loads(_config_file(directory, name).read_text())) for name, model in models.items()
        ]
        self._models = models
        self._pool = ThreadPoolExecutor(self.settings.threads, "piper")

    def unload(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()
            self._models, self._infos = {}, []

    def voices(self) -> Sequence[VoiceInfo]:
        return self._infos

    def has_voice(self, name: str) -> bool:
        """ "en_GB-vctk-medium", or one of its speakers: "en_GB-vctk-medium#p225"."""
        voice, hash_sign, speaker = name.partition("#")
        model = self._models.get(voice)
        return model is not None and (not hash_sign or speaker in model.config.speaker_id_map)

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        pool = self._pool
        if pool is None:
            raise EngineBroken("piper is not loaded")
        if not self.has_voice(voice):
            raise EngineBroken(f"piper has no voice {voice!r}")
        sentences = iter(_sentences(text))

        def begin() -> _Coming | None:
            sentence = next(sentences, None)
            return None if sentence is None or should_stop() else _Coming(pool, self._models, sentence, voice, spend)

        coming = begin()
        try:
            while coming is not None:
                samples = coming.wait(should_stop)
                coming = begin()  # made while this one is listened to
                for at in range(0, len(samples), PIECE):
                    if should_stop():
                        return
                    yield samples[at : at + PIECE]
        except _Stopped:
            return
        finally:
            if coming is not None:
                coming.call_off()


class _Coming:
    """One sentence on its way through the pool."""

    def __init__(
        self, pool: ThreadPoolExecutor, models: dict[str, Any], sentence: str, voice: str, spend: Spend
    ) -> None:
        import onnxruntime

        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = 4  # being called off is no error
        self._future: Future[Samples] = pool.submit(_speak_counted, models, sentence, voice, self._options, spend)

    def wait(self, should_stop: ShouldStop) -> Samples:
        """The samples. Raises _Stopped, or what the model raised."""
        while True:
            if should_stop():
                self.call_off()
                raise _Stopped
            try:
                return self._future.result(LOOK_EVERY_S)
            except NotYet:
                if self._future.done():
                    raise  # the model's own time-out, if there ever is one

    def call_off(self) -> None:
        """Its result is not wanted: it ends at its next node, or does not begin."""
        self._options.terminate = True
        self._future.cancel()


def _speak_counted(models: dict[str, Any], sentence: str, voice: str, options: Any, spend: Spend) -> Samples:
    """In a thread of the pool, which does all of the computing itself (see `_read_voice`)."""
    began = thread_time()
    try:
        return _speak(models, sentence, voice, options)
    finally:
        spend(thread_time() - began)


def _speak(models: dict[str, Any], sentence: str, voice: str, options: Any) -> Samples:
    from piper import PiperVoice, SynthesisConfig

    name, _, speaker = voice.partition("#")
    model = models[name]
    # normalize_audio would bring every sentence to the same peak; one gain per voice is loudness.py's.
    how = SynthesisConfig(speaker_id=model.config.speaker_id_map.get(speaker), normalize_audio=False)
    own = PiperVoice(
        session=_Session(model.session, options), config=model.config, espeak_data_dir=model.espeak_data_dir
    )
    chunks = [chunk.audio_int16_array for chunk in own.synthesize(sentence, how)]
    samples = np.concatenate([np.atleast_1d(chunk) for chunk in chunks]) if chunks else np.zeros(0, np.int16)
    if model.config.sample_rate == SAMPLE_RATE or len(samples) == 0:
        return samples
    resampler = Resampler(model.config.sample_rate, SAMPLE_RATE)
    return np.concatenate((resampler.process(samples), resampler.flush()))


def _sentences(text: str) -> list[str]:
    splitter = SentenceSplitter(max_chars=LONGEST_SENTENCE, first_clause_chars=FIRST_CLAUSE)
    return splitter.push(text) + splitter.flush()


def _config_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.onnx.json"


def _read_voice(file: Path) -> Any:
    import onnxruntime
    from piper import PiperConfig, PiperVoice

    config_file = _config_file(file.parent, file.stem)
    if not config_file.is_file():
        raise EngineBroken(f"piper: {config_file} is missing; it belongs to {file.name}")
    # Not PiperVoice.load: it leaves the number of threads to the runtime, which then takes every core for one sentence.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        config = PiperConfig.from_dict(json.loads(config_file.read_text()))
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common ancestor but this
        raise EngineBroken(f"piper: {file} could not be read: {type(error).__name__}: {error}") from error
    if config.sample_rate not in RATES:
        raise EngineBroken(
            f"piper: {file} speaks at {config.sample_rate} Hz; known rates are {', '.join(map(str, RATES))}"
        )
    return PiperVoice(session=session, config=config)


def _info(name: str, model: Any, config: Mapping[str, Any]) -> VoiceInfo:
    language = config.get("language", {}).get("code") or model.config.espeak_voice
    speakers = f", {model.config.num_speakers} speakers" if model.config.num_speakers > 1 else ""
    return VoiceInfo(name, str(language).replace("_", "-").lower(), f"Piper {name}{speakers}")
