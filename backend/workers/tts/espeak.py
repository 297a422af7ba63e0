"""espeak-ng, the voice that speaks on a fresh machine: robotic, real speech, and about a thousandth of real time.

The library is C with one state for the whole process, so one thread owns it and takes texts in turn. A text is handed to
it sentence by sentence: between two sentences any other text may go first, so neither a long text nor a slow listener
keeps the others waiting. Audio leaves the library in its callback, some 60 ms at a time, while the sentence is being
made; the callback's answer 1 stops it within a step. GPL-3: loaded in this process only (ctypes), never in a web worker.
"""

import ctypes
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from time import thread_time

import numpy as np

from backend.engines.sentences import SentenceSplitter
from backend.settings import Settings
from backend.workers.tts.adapter import EngineBroken, Samples, ShouldStop, Spend, VoiceInfo, WordAt, not_counted

SYSTEM_LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS = 2
"""Audio goes to the callback, in the thread that asked."""
BUFFER_MS = 20
DO_NOT_EXIT = 0x8000
UTF8 = 1
END_PAUSE = 0x1000
"""Add the pause that belongs after a sentence; without it two sentences run into each other."""
RATE_PARAMETER = 1
WORDS_PER_MINUTE = 160
LONGEST_PIECE = 250
"""Characters: some 15 s of speech, 20 ms of computing."""
FIRST_PIECE_CLAUSE = 80
MOST_JOINED = 8
"""Callbacks' worth of audio that may be passed on in one piece: about half a second."""

_WORD = re.compile(r"\S+")
_PARAGRAPH = re.compile(r"\s*\n\s*")
_SENTENCE_END = re.compile(r"[.!?…:;。！？][\"'»”’)\]]*$")


class _Voice(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


LIST_END_EVENT, WORD_EVENT = 0, 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
_Chunk = tuple[bytes, list[tuple[int, int]]]
"""Audio, and the words that the library tells with it: (character of the sentence from 0, milliseconds into it)."""
_Chunks = SimpleQueue[_Chunk | None]
"""A sentence's audio on its way out of the owner thread; None is its end."""


class Espeak:
    """The engine. See adapter.Adapter."""

    name = "espeak-ng"
    native_sample_rate = 0

    def __init__(self) -> None:
        self._owner: ThreadPoolExecutor | None = None
        self._library: ctypes.CDLL | None = None
        self._voices: list[VoiceInfo] = []
        self._files: dict[str, str] = {}
        """Voice name → the library's identifier for it, the only name that it takes for every voice."""
        self._variants: frozenset[str] = frozenset()
        # Touched by the owner thread only.
        self._voice = ""
        self._chunks: _Chunks | None = None
        self._should_stop: ShouldStop = bool
        self._callback = _Callback(self._on_audio)

    @classmethod
    def configured(cls, settings: Settings) -> "Espeak":
        """There is nothing to set."""
        return cls()

    def load(self) -> None:
        if self._owner is None:
            owner = ThreadPoolExecutor(1, "espeak-ng")
            try:
                owner.submit(self._open).result()
            except Exception:
                owner.shutdown()
                raise
            self._owner = owner

    def unload(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.submit(self._close).result()
            owner.shutdown()

    def voices(self) -> Sequence[VoiceInfo]:
        return self._voices

    def has_voice(self, name: str) -> bool:
        """ "en-us", or "en-us+f3": a voice in the manner of a variant."""
        voice, plus, variant = name.partition("+")
        return voice in self._files and (not plus or variant in self._variants)

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples | WordAt]:
        if self._owner is None:
            raise EngineBroken("espeak-ng is not loaded")
        abandoned = False

        def stop() -> bool:
            return abandoned or should_stop()

        words_before = samples_before = 0
        for piece in _pieces(text):
            if stop():
                return
            chunks: _Chunks = SimpleQueue()
            word_starts = [word.start() for word in _WORD.finditer(piece)]
            piece_at_s = samples_before / self.native_sample_rate
            speaking = self._owner.submit(self._speak, piece, voice, chunks, stop, spend)
            try:
                while (chunk := _take(chunks)) is not None:
                    audio, words = chunk
                    for character, at_ms in words:
                        number = max(0, bisect_right(word_starts, character) - 1)
                        yield WordAt(words_before + number, piece_at_s + at_ms / 1000)
                    samples_before += len(audio) // 2
                    yield np.frombuffer(audio, np.int16)
            except GeneratorExit:
                abandoned = True  # nobody pulls any more: the owner thread must not go on for nobody
                raise
            speaking.result()
            words_before += len(word_starts)

    # Everything below runs in the owner thread.

    def _open(self) -> None:
        library, data = _find_library()
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        rate = library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, DO_NOT_EXIT)
        if rate <= 0:
            raise EngineBroken(f"espeak-ng did not start: espeak_Initialize gave {rate}")
        library.espeak_SetSynthCallback(self._callback)
        self._library, self.native_sample_rate, self._voice = library, rate, ""
        self._voices, self._files = _list_voices(library)
        self._variants = frozenset(_list_variants(library))

    def _close(self) -> None:
        if self._library is not None:
            self._library.espeak_Terminate()
            self._library = None

    def _speak(self, piece: str, voice: str, chunks: _Chunks, should_stop: ShouldStop, spend: Spend) -> None:
        began = thread_time()
        try:
            if should_stop() or self._library is None:
                return
            if voice != self._voice:
                self._voice = ""
                name, plus, variant = voice.partition("+")
                if self._library.espeak_SetVoiceByName(f"{self._files[name]}{plus}{variant}".encode()) != 0:
                    raise EngineBroken(f"espeak-ng has no voice {voice!r}")
                self._library.espeak_SetParameter(RATE_PARAMETER, WORDS_PER_MINUTE, 0)
                self._voice = voice
            self._chunks, self._should_stop = chunks, should_stop
            flags = UTF8 | (END_PAUSE if _SENTENCE_END.search(piece) else 0)
            text = piece.encode() + b"\0"
            status = self._library.espeak_Synth(text, len(text), 0, 1, 0, flags, None, None)
            if status != 0:
                raise EngineBroken(f"espeak-ng failed: espeak_Synth gave {status}")
        finally:
            self._chunks, self._should_stop = None, bool
            spend(thread_time() - began)
            chunks.put(None)

    def _on_audio(self, samples: int | None, count: int, events: "ctypes._Pointer[_Event]") -> int:
        """Called by the library with each piece of audio; 1 stops it. An exception here would be lost in C."""
        if self._should_stop() or self._chunks is None:
            return 1
        if samples and count > 0:
            self._chunks.put((ctypes.string_at(samples, 2 * count), _words(events)))
        return 0


def _words(events: "ctypes._Pointer[_Event]") -> list[tuple[int, int]]:
    words, index = [], 0
    while events and events[index].type != LIST_END_EVENT:
        if events[index].type == WORD_EVENT:
            words.append((events[index].text_position - 1, events[index].audio_position))
        index += 1
    return words


def _take(chunks: _Chunks) -> _Chunk | None:
    """The next audio; None is the end. A consumer that is behind gets what waits in one piece: the first sound is not
    held up, and later ones cost less."""
    chunk = chunks.get()
    if chunk is None:
        return None
    taken = [chunk]
    while len(taken) < MOST_JOINED and not chunks.empty():
        chunk = chunks.get()
        if chunk is None:
            chunks.put(None)  # for the next call: nothing follows the end, so it is still the last
            break
        taken.append(chunk)
    return b"".join(audio for audio, _ in taken), [word for _, words in taken for word in words]


def _pieces(text: str) -> list[str]:
    splitter = SentenceSplitter(max_chars=LONGEST_PIECE, first_clause_chars=FIRST_PIECE_CLAUSE)
    return splitter.push(_PARAGRAPH.sub("\n", text)) + splitter.flush()


def _find_library() -> tuple[ctypes.CDLL, bytes | None]:
    """The wheel's library and its data, else the system's with the data it knows itself."""
    try:
        import espeakng_loader

        return ctypes.CDLL(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path()).encode()
    except (ImportError, OSError):
        pass  # not installed, or not for this machine: the system's own may be there
    try:
        return ctypes.CDLL(SYSTEM_LIBRARY), None
    except OSError as error:
        raise EngineBroken(f"espeak-ng: neither the espeakng-loader package nor {SYSTEM_LIBRARY} is there") from error


def _list_voices(library: ctypes.CDLL) -> tuple[list[VoiceInfo], dict[str, str]]:
    """One voice per language tag, named by it: "en-us", "de". Sorted by the library's own priority (low is better)."""
    found: dict[str, tuple[int, VoiceInfo, str]] = {}
    for voice in _each(library.espeak_ListVoices(None)):
        languages = _languages(voice)
        if languages:
            priority, tag = languages[0]
            info = VoiceInfo(tag, tag, (voice.name or b"").decode())
            found.setdefault(tag, (priority, info, (voice.identifier or b"").decode()))
    by_priority = sorted(found.values(), key=lambda entry: (entry[0], entry[1].name))
    return [info for _, info, _ in by_priority], {info.name: identifier for _, info, identifier in by_priority}


def _list_variants(library: ctypes.CDLL) -> list[str]:
    """Manners of speaking, "f3" or "croak": what may follow a voice's name after a plus."""
    wanted = _Voice()
    tag = ctypes.create_string_buffer(b"variant\0")
    wanted.languages = ctypes.cast(tag, ctypes.c_void_p)
    return [
        (voice.identifier or b"").decode().removeprefix("!v/")
        for voice in _each(library.espeak_ListVoices(ctypes.byref(wanted)))
    ]


def _each(voices: "ctypes._Pointer[ctypes._Pointer[_Voice]]") -> Iterator[_Voice]:
    index = 0
    while voices[index]:
        yield voices[index].contents
        index += 1


def _languages(voice: _Voice) -> list[tuple[int, str]]:
    """The library packs them as (priority byte, name, zero byte)…, ended by a zero priority."""
    languages: list[tuple[int, str]] = []
    at = voice.languages
    while at and (priority := ctypes.string_at(at, 1)[0]):
        tag = ctypes.string_at(at + 1)
        languages.append((priority, tag.decode()))
        at += 2 + len(tag)
    return languages
