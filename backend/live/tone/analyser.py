"""Who judges a caller's tone: this worker itself, or a service of somebody else.

One analysis per window of a second (`windows.py`), off the hub. Two analysers, one contract (`ToneSession`):

| `TONE_ANALYSER` | judged by                                                                                           |
|-----------------|-----------------------------------------------------------------------------------------------------|
| `prosody`       | `prosody.py`, in one thread of this worker                                                          |
| `external`      | `TONE_URL`: allocated for each call and released at its end; or `TONE_FIXED_URL`, as it stands      |
| `off`           | nobody                                                                                              |

What an external analyser must speak (JSON over HTTP, `Authorization: Bearer TONE_TOKEN` where one is set):

    →  POST TONE_URL/allocate  {"session_id", "ttl_s", "sample_rate": 8000}          before the first window
    ←  2xx {"url": "https://…"}                                                     where this call's windows go
    →  POST url  {"session_id", "speaker", "at_s", "sample_rate", "audio": base64 of one second, s16le}
    ←  2xx {"label": "angry", "confidence": 0.8}                                    "label": "" says: no speech
    →  DELETE url                                                                   when the call is over

It has `ANSWER_WITHIN_S`. A window that it fails for is judged in-process; after `FAILURES` in a row, or when it cannot be
allocated, the rest of the call is. That is logged and counted, and every tone event names its analyser. What an external
analyser answers is text from outside: a label that is not a plain word is a failure. `session_id` is a hash, not the call.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import requests
import structlog

from backend.live.tone.off_hub import apart
from backend.live.tone.prosody import Tone, Voice, measure
from backend.live.tone.windows import RATE, Window
from backend.metrics import TONE_ANALYSES

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 1.0
ALLOCATE_WITHIN_S = 5.0
FAILURES = 3
PROSODY, EXTERNAL = "prosody", "external"
_LABEL = re.compile(r"^(?:[a-z][a-z _-]{0,30})?$")
_LONGEST_ANSWER = 4096

Speaker = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One window's tone, and who says so. `tone` None: no speech in it."""

    tone: Tone | None
    analyser: str


class ToneSession(Protocol):
    """One call's analyser. Its methods may block and are called from one greenlet or thread at a time."""

    def analyse(self, window: Window, speaker: Speaker) -> Judged: ...

    def close(self) -> None:
        """Give back what was allocated. Never raises."""
        ...


class ToneAnalyser(Protocol):
    """Made once per worker."""

    def open(self, call_control_id: str, ttl_s: float) -> ToneSession:
        """For one call, which lasts no longer than `ttl_s`. Does not block."""
        ...


class InProcessSession:
    """Remembers each speaker's voice."""

    def __init__(self) -> None:
        self._voices: dict[str, Voice] = {}

    def voice(self, speaker: Speaker) -> Voice:
        return self._voices.setdefault(speaker, Voice())

    def analyse(self, window: Window, speaker: Speaker) -> Judged:
        TONE_ANALYSES.count(analyser=PROSODY, outcome="ok")
        return Judged(self.voice(speaker).hear(apart(lambda: measure(window.samples))), PROSODY)

    def close(self) -> None:
        pass


class InProcess:
    """The default."""

    def open(self, call_control_id: str, ttl_s: float) -> InProcessSession:
        return InProcessSession()


class External:
    """`base_url`: asked to allocate; or `fixed_url`: used as it stands."""

    def __init__(self, *, base_url: str = "", fixed_url: str = "", token: str = "") -> None:
        self._base_url = base_url.rstrip("/")
        self._fixed_url = fixed_url
        self._token = token

    def open(self, call_control_id: str, ttl_s: float) -> "ExternalSession":
        return ExternalSession(self._base_url, self._fixed_url, self._token, call_control_id, ttl_s)


def make_tone_analyser(
    name: Literal["prosody", "external", "off"], *, base_url: str, fixed_url: str, token: str
) -> ToneAnalyser | None:
    """What TONE_ANALYSER names; None: nobody."""
    if name == "external":
        return External(base_url=base_url, fixed_url=fixed_url, token=token)
    return InProcess() if name == "prosody" else None


class _Refused(Exception):
    """The external analyser did not do what it should."""


class ExternalSession:
    """One call at an external analyser, with the in-process one beside it."""

    def __init__(self, base_url: str, fixed_url: str, token: str, call_control_id: str, ttl_s: float) -> None:
        self._base_url = base_url
        self._url = fixed_url
        self._allocated_url = ""
        self._session_id = hashlib.sha256(call_control_id.encode("utf-8", "replace")).hexdigest()[:32]
        self._ttl_s = ttl_s
        self._http = requests.Session()
        self._http.trust_env = False
        if token:
            self._http.headers["Authorization"] = f"Bearer {token}"
        self._in_process = InProcessSession()
        self._failures = 0
        self._is_given_up = False

    def analyse(self, window: Window, speaker: Speaker) -> Judged:
        if self._is_given_up:
            return self._in_process.analyse(window, speaker)
        try:
            if not self._url:
                self._allocate()
            tone = self._ask(window, speaker)
        except (requests.RequestException, _Refused) as error:
            self._failed(error)
            return self._in_process.analyse(window, speaker)
        self._failures = 0
        TONE_ANALYSES.count(analyser=EXTERNAL, outcome="ok")
        return Judged(tone, EXTERNAL)

    def close(self) -> None:
        if self._allocated_url:
            try:
                self._http.delete(self._allocated_url, timeout=ALLOCATE_WITHIN_S, allow_redirects=False).close()
            except requests.RequestException as error:  # its time to live sees to it
                log.warning("tone_analyser_not_released", error=type(error).__name__)
            self._allocated_url = ""
        self._http.close()

    def _allocate(self) -> None:
        try:
            answer = self._post(
                f"{self._base_url}/allocate",
                {"session_id": self._session_id, "ttl_s": self._ttl_s, "sample_rate": RATE},
                ALLOCATE_WITHIN_S,
            )
            url = answer.get("url")
            if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > 2000:
                raise _Refused("allocate answered no url")
        except (requests.RequestException, _Refused):
            self._failures = FAILURES  # without it there is nothing to try again
            raise
        self._url = self._allocated_url = url

    def _ask(self, window: Window, speaker: Speaker) -> Tone | None:
        answer = self._post(
            self._url,
            {
                "session_id": self._session_id,
                "speaker": speaker,
                "at_s": window.at_s,
                "sample_rate": RATE,
                "audio": base64.b64encode(window.samples.astype("<i2").tobytes()).decode(),
            },
            ANSWER_WITHIN_S,
        )
        label, confidence = answer.get("label"), answer.get("confidence", 0.0)
        if not isinstance(label, str) or not _LABEL.match(label):
            raise _Refused("the label is not a plain word")
        if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            raise _Refused("the confidence is not from 0 to 1")
        return self._in_process.voice(speaker).told(label, float(confidence)) if label else None

    def _post(self, url: str, body: dict[str, Any], within_s: float) -> dict[str, Any]:
        with self._http.post(url, json=body, timeout=within_s, allow_redirects=False, stream=True) as reply:
            if not 200 <= reply.status_code < 300:
                raise _Refused(f"status {reply.status_code}")
            # As much as a small answer may have; the rest of an endless one is never read.
            text = reply.raw.read(_LONGEST_ANSWER + 1, decode_content=True)
        if len(text) > _LONGEST_ANSWER:
            raise _Refused("the answer is too long")
        try:
            answer = json.loads(text)
        except ValueError:
            raise _Refused("the answer is not JSON") from None
        if not isinstance(answer, dict):
            raise _Refused("the answer is not an object")
        return answer

    def _failed(self, error: Exception) -> None:
        TONE_ANALYSES.count(analyser=EXTERNAL, outcome="failed")
        self._failures += 1
        reason = str(error) if isinstance(error, _Refused) else type(error).__name__
        log.warning("tone_analysis_failed", reason=reason, in_a_row=self._failures)
        if self._failures >= FAILURES:
            self._is_given_up = True
            log.error("tone_analyser_given_up", instead=PROSODY, reason=reason)
