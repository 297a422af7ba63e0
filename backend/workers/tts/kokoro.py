"""Kokoro, a small voice of good quality for a GPU, or for a few calls on a CPU: one forward pass per phrase.

The model cannot stream and cannot batch, so a text is cut into phrases, the first one short, and every phrase is a task
for a pool of few threads: between two phrases of one text those of others have their turn, and each text has at most one
phrase made ahead of what its listener took. A cancel stops a phrase between two layers: each layer asks the thread it
runs in whether anybody still wants it.

    text → sentences.py → pool: phonemes (misaki), model → 200 ms pieces, and when the words begin (kokoro_words.py)

Everything comes from one directory, laid out as the model is published, and nothing is fetched:

    config.json · kokoro-v1_0.pth · voices/<name>.pt        the first letter of a voice's name is its language

The package's own English front end downloads a spaCy model to tag parts of speech. We use its dictionaries without tags,
and espeak-ng for words they lack; other languages are espeak-ng's. Japanese and Chinese voices need front ends that are not
installed: they are not listed. Settings: TTS_MODELS_DIR, TTS_KOKORO_DEVICE, TTS_KOKORO_THREADS.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from backend.engines.sentences import SentenceSplitter
from backend.settings import Settings
from backend.workers.tts.adapter import EngineBroken, Samples, ShouldStop, Spend, VoiceInfo, WordAt, not_counted
from backend.workers.tts.kokoro_words import phoneme_times, word_places

SAMPLE_RATE = 24000
PIECE = SAMPLE_RATE // 5
LONGEST_PHRASE = 200
"""Characters: some 12 s of speech."""
FIRST_CLAUSE = 20
"""Characters after which the first phrase may end at a comma: the caller waits for all of it."""
MOST_PHONEMES = 500
"""The model takes 510 and the two that mark the ends."""
REPOSITORY = "hexgrad/Kokoro-82M"
"""Only named so that the package does not warn; nothing is fetched."""

LANGUAGES = {
    # letter: (language tag, espeak-ng's name for it or "" where misaki's dictionaries speak)
    "a": ("en-us", ""),
    "b": ("en-gb", ""),
    "e": ("es", "es"),
    "f": ("fr-fr", "fr-fr"),
    "h": ("hi", "hi"),
    "i": ("it", "it"),
    "p": ("pt-br", "pt-br"),
}
BEST_FIRST = ("af_heart", "af_bella", "am_michael", "bf_emma", "bm_george", "ef_dora", "ff_siwis", "if_sara", "pf_dora")
"""The voices that are listed before the others of their language; the first is its default."""


class _Stopped(Exception):
    """Nobody wants this phrase any more."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """One phrase, made."""

    pieces: list[Samples]
    words: list[tuple[int, float]]
    """(word of the phrase from 0, seconds after its first sample)"""


@dataclass(frozen=True, slots=True)
class KokoroSettings:
    directory: Path = Path("models/kokoro")
    device: str = ""
    threads: int = 2
    seed: int | None = None
    """Every phrase starts the model's noise with it, one phrase at a time: equal texts give equal bits. For tests."""


@dataclass(slots=True)
class _Loaded:
    model: Any
    packs: dict[str, Any]
    """Voice name → its tensor: a style for each length of phrase."""
    front_ends: dict[str, Any]
    """Language letter → what makes phonemes. Guarded by `phonemes`: espeak-ng has one state for the process."""
    pool: ThreadPoolExecutor
    phonemes: threading.Lock = field(default_factory=threading.Lock)


class Kokoro:
    """The engine. See adapter.Adapter."""

    name = "kokoro"
    native_sample_rate = SAMPLE_RATE

    def __init__(self, settings: KokoroSettings) -> None:
        self.settings = settings
        self._loaded: _Loaded | None = None
        self._infos: list[VoiceInfo] = []
        self._thread = threading.local()
        """`should_stop` of the phrase that this thread of the pool computes."""

    @classmethod
    def configured(cls, settings: Settings) -> Kokoro:
        return cls(
            KokoroSettings(settings.tts_models_dir / "kokoro", settings.tts_kokoro_device, settings.tts_kokoro_threads)
        )

    def load(self) -> None:
        if self._loaded is not None:
            return
        directory = self.settings.directory
        config, weights = directory / "config.json", directory / "kokoro-v1_0.pth"
        for file in (config, weights):
            if not file.is_file():
                raise EngineBroken(f"kokoro: {file} is missing; docs/voices.md says where it comes from")
        files = sorted((directory / "voices").glob("*.pt"))
        files = [file for file in files if file.stem[:1] in LANGUAGES]
        if not files:
            raise EngineBroken(f"kokoro: {directory / 'voices'} holds no voice (<name>.pt) of a language we can speak")
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the package is imported
        try:
            import torch
            from kokoro import KModel
        except ImportError as error:
            raise EngineBroken(f"kokoro: {error.name} is not installed; requirements-gpu.txt has it") from error
        device = self.settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            model = KModel(repo_id=REPOSITORY, config=str(config), model=str(weights)).to(device).eval()
            packs = {file.stem: _read_voice(torch, file, device) for file in files}
            front_ends = {letter: _make_front_end(letter) for letter in {name[0] for name in packs}}
        except EngineBroken:
            raise
        except ImportError as error:
            raise EngineBroken(f"kokoro: {error.name} is not installed; requirements-gpu.txt has it") from error
        except Exception as error:  # the package checks nothing: a wrong file shows as any error
            raise EngineBroken(f"kokoro: {directory} could not be read: {type(error).__name__}: {error}") from error
        self._ask_between_layers(torch, model)
        threads = 1 if self.settings.seed is not None else self.settings.threads
        self._infos = _listed(list(packs))
        loaded = _Loaded(model, packs, front_ends, ThreadPoolExecutor(threads, "kokoro"))
        # The first phrase of all sets up the device's libraries; no caller should wait for that.
        loaded.pool.submit(self._speak, loaded, "Hello.", self._infos[0].name, bool, not_counted).result()
        self._loaded = loaded

    def unload(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return
        self._infos = []
        on_gpu = loaded.model.device.type == "cuda"
        loaded.pool.shutdown()
        del loaded
        gc.collect()
        if on_gpu:
            import torch

            torch.cuda.empty_cache()

    def voices(self) -> Sequence[VoiceInfo]:
        return self._infos

    def has_voice(self, name: str) -> bool:
        return self._loaded is not None and name in self._loaded.packs

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples | WordAt]:
        loaded = self._loaded
        if loaded is None:
            raise EngineBroken("kokoro is not loaded")
        if voice not in loaded.packs:
            raise EngineBroken(f"kokoro has no voice {voice!r}")
        abandoned = False

        def stop() -> bool:
            return abandoned or should_stop()

        texts = _phrases(text)
        phrases = iter(texts)
        words_before = samples_before = 0

        def begin() -> Future[_Spoken] | None:
            phrase = next(phrases, None)
            return (
                None
                if phrase is None or stop()
                else loaded.pool.submit(self._speak, loaded, phrase, voice, stop, spend)
            )

        coming = begin()
        try:
            for phrase in texts:
                if coming is None:
                    return
                spoken = coming.result()
                coming = begin()  # made while this one is listened to
                for number, at_s in spoken.words:
                    yield WordAt(words_before + number, samples_before / SAMPLE_RATE + at_s)
                for piece in spoken.pieces:
                    if stop():
                        return
                    samples_before += len(piece)
                    yield piece
                words_before += len(phrase.split())
        except _Stopped:
            return
        finally:
            abandoned = True
            if coming is not None:
                coming.cancel()

    # Everything below runs in a thread of the pool.

    def _speak(self, loaded: _Loaded, phrase: str, voice: str, should_stop: ShouldStop, spend: Spend) -> _Spoken:
        if should_stop():
            raise _Stopped
        import torch

        with loaded.phonemes:
            made, tokens = loaded.front_ends[voice[0]](phrase)
        phonemes = str(made or "")
        pieces: list[Samples] = []
        times: dict[int, float] = {}
        """Place in `phonemes` → seconds."""
        at = 0
        self._thread.should_stop = should_stop
        # By the wall's clock: the model computes on a device or in threads of its own, which this thread's time does not
        # show. Phrases that are made at once on few cores are each told the whole time.
        began = perf_counter()
        try:
            for part in _parts(phonemes.strip()):
                if self.settings.seed is not None:
                    torch.manual_seed(self.settings.seed)
                output = loaded.model(part, loaded.packs[voice][len(part) - 1], 1.0, return_output=True)
                before_s = sum(map(len, pieces)) / SAMPLE_RATE
                at = phonemes.index(part, at)
                durations = output.pred_dur.reshape(-1).tolist()
                for place, at_s in enumerate(phoneme_times(part, loaded.model.vocab, durations), at):
                    times[place] = before_s + at_s
                at += len(part)
                samples = (output.audio.clamp(-1.0, 1.0) * 32767).round().to(torch.int16).reshape(-1).numpy()
                pieces += [samples[at : at + PIECE] for at in range(0, len(samples), PIECE)]
        finally:
            del self._thread.should_stop
            spend(perf_counter() - began)
        places = word_places(phrase, phonemes, tokens)
        return _Spoken(pieces, [(word, times[place]) for word, place in places if place in times])

    def _ask_between_layers(self, torch: Any, model: Any) -> None:
        """Hooks on whatever takes long; an exception leaves the model as it was, it keeps no state."""
        layers = (torch.nn.LSTM, torch.nn.Linear, torch.nn.Conv1d, torch.nn.ConvTranspose1d, torch.nn.InstanceNorm1d)

        def ask(_layer: object, _arguments: object) -> None:
            if self._thread.should_stop():
                raise _Stopped

        for layer in model.modules():
            if isinstance(layer, layers):
                layer.register_forward_pre_hook(ask)


def _read_voice(torch: Any, file: Path, device: str) -> Any:
    pack = torch.load(file, map_location=device, weights_only=True)
    if getattr(pack, "ndim", 0) != 3 or tuple(pack.shape[1:]) != (1, 256) or len(pack) < MOST_PHONEMES:
        raise EngineBroken(f"kokoro: {file} is no voice: a tensor of {MOST_PHONEMES} and more by 1 by 256 is needed")
    return pack


def _listed(names: list[str]) -> list[VoiceInfo]:
    """Best first: those we know to be good, then by name."""
    order = {name: place for place, name in enumerate(BEST_FIRST)}
    names.sort(key=lambda name: (order.get(name, len(order)), name))
    manner = {"f": "female", "m": "male"}
    return [
        VoiceInfo(name, LANGUAGES[name[0]][0], f"Kokoro {name[3:].capitalize()}, {manner.get(name[1:2], 'neutral')}")
        for name in names
    ]


def _phrases(text: str) -> list[str]:
    splitter = SentenceSplitter(max_chars=LONGEST_PHRASE, first_clause_chars=FIRST_CLAUSE)
    return splitter.push(text) + splitter.flush()


def _parts(phonemes: str) -> list[str]:
    """What the model can take at once: nearly always the whole."""
    parts = []
    while len(phonemes) > MOST_PHONEMES:
        at = phonemes.rfind(" ", 1, MOST_PHONEMES)
        at = at if at > 0 else MOST_PHONEMES
        parts.append(phonemes[:at])
        phonemes = phonemes[at:].lstrip()
    return [*parts, phonemes] if phonemes else parts


def _make_front_end(letter: str) -> Any:
    from misaki import espeak

    _, espeak_name = LANGUAGES[letter]
    if espeak_name:
        return espeak.EspeakG2P(language=espeak_name)
    import spacy
    from misaki import en

    class WithoutTags(en.G2P):  # type: ignore[misc]  # the package has no types
        """The dictionaries, without the tagger that its own constructor fetches from the network."""

        def __init__(self, british: bool) -> None:
            self.version, self.british, self.unk = None, british, ""
            self.nlp = spacy.blank("en")
            self.lexicon = en.Lexicon(british)
            self.fallback = espeak.EspeakFallback(british=british)

    return WithoutTags(letter == "b")
