"""What a recogniser must offer to the sidecar.

A new recogniser is one file with one class like this and one row in `recogniser_names.py`. Recognisers know nothing of
sockets, messages, seats or threads: they get audio at their own rate and give words. Everything below, `load` included, is
called by one and the same thread, the compute thread of `compute.py`, never at the same time: no locks are needed, and what
blocks there blocks nobody's socket.

All that a session has heard lives in its *state*, an object of the recogniser's own type that `open` makes and `close` is
given back. A step takes the pieces of many sessions at once, so that a model can run them as one batch. What one step does:

| piece                                | the recogniser                                                               |
|--------------------------------------|------------------------------------------------------------------------------|
| `audio` of exactly `wants(state)`    | takes it in; gives the words that changed                                    |
| the same, `ends` true                | and all words up to here come out, the last final: the caller fell silent |
| `ends` true, fewer samples (or none) | the same, with what is left                                                  |

One state has at most one piece in a step. After a piece with `ends` the state goes on with the next utterance. Seconds go on
counting: `Words.start_s` and `end_s` count the audio that the state was given since `open`, through `ends` and `reset`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from backend.settings import Settings
from backend.workers.stt.recogniser_names import RECOGNISERS

Samples = NDArray[np.int16]
State = TypeVar("State")


class RecogniserBroken(Exception):
    """A recogniser cannot be loaded, or failed. The message names the recogniser and never holds a caller's words."""


@dataclass(frozen=True, slots=True)
class Words:
    """What was heard. An interim text is the utterance's words so far, a final one is all of them; the words after a
    final one belong to the next utterance. Never empty."""

    text: str
    is_final: bool
    start_s: float
    """Where the utterance began, in seconds of the state's audio; as well as it can be told."""
    end_s: float
    """Where the last of these words ended; never beyond the audio that was given."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[State]):
    """One session's part of a step."""

    state: State
    audio: Samples
    """Mono int16 at `Recogniser.sample_rate`."""
    ends: bool = False


class Upsampler(Protocol):
    """One session's way from the client's rate to the recogniser's. `audio/resample.py`'s Resampler is one."""

    def process(self, samples: Samples) -> Samples:
        """The output that these samples complete."""
        ...

    def flush(self) -> Samples:
        """The rest. Afterwards it is as new."""
        ...


class Recogniser(Protocol[State]):
    """One recogniser, built with the settings as its one argument. Building it does nothing slow; `load` does."""

    name: str
    """As in `recogniser_names.py`; the client is told."""
    sample_rate: int
    """Hz of the audio that steps are given."""
    max_batch: int
    """Pieces in one step at most."""

    def load(self) -> None:
        """Make it ready, and so warm that the first step is no slower than others. Raises RecogniserBroken."""
        ...

    def unload(self) -> None:
        """Give its memory back; every state is closed. Never raises."""
        ...

    def upsampler(self, from_rate: int) -> Upsampler:
        """A new one for a session whose client sends `from_rate` (8000 or 16000)."""
        ...

    def open(self, language: str) -> State:
        """A new session's state. `language` is a tag like "en" or "en-US", "" when the client named none; what is not
        known is taken for the recogniser's own. Raises RecogniserBroken."""
        ...

    def wants(self, state: State) -> int:
        """Samples that the next piece of this state must have (fewer only where it `ends`). May change with each step:
        a first chunk is often of another length."""
        ...

    def step(self, pieces: Sequence[Piece[State]]) -> Sequence[Sequence[Words] | RecogniserBroken]:
        """What each piece gave, in the same order. A RecogniserBroken in a place says that this session is lost: the
        others are not disturbed. Whatever it raises loses every session of the step."""
        ...

    def reset(self, state: State) -> None:
        """Forget what was heard and not yet final: the next audio begins a new utterance, no words of the old come."""
        ...

    def close(self, state: State) -> None:
        """Give back what the state holds. Called once for every state, also for one that is lost. Never raises."""
        ...


def build_recogniser(settings: Settings) -> Recogniser[Any]:
    """A new, not yet loaded recogniser. KeyError for a name that has no row; RecogniserBroken when a package that it
    needs is not installed."""
    name = settings.stt_recogniser
    module, _, class_name = RECOGNISERS[name].partition(":")
    try:
        return cast(Recogniser[Any], getattr(import_module(module), class_name)(settings))
    except ModuleNotFoundError as error:
        raise RecogniserBroken(f"{name}: {error.name} is not installed (see requirements-stt.txt)") from None
