"""Commands to Telnyx over its SDK: short, repeated only while repeating is harmless, with our own errors.

The SDK retries by itself with long pauses and no bound on the whole; that is switched off. Here a command is tried at
most four times within five seconds, always with the same `command_id`, so that Telnyx carries it out once even when
only its answer was lost. Between two tries: a random pause, or what Telnyx asks for (`Retry-After`). What Telnyx means
is decided by the HTTP status first and the error code second, because one code means two things.

Decides nothing about a call: `CallGone` on a hang-up is left to the caller to be pleased about. Blocking is
cooperative: in a patched worker every wait here is a greenlet's.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.carrier.base import DialledCall
from backend.carrier.telnyx import wire
from backend.carrier.telnyx.webhooks import decode_client_state, encode_client_state
from backend.errors import CallGone, CarrierError, Rejected, Unavailable

MAX_TRIES = 4
TRY_WITHIN_S = 5.0
FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 2.0
LEAST_TIMEOUT_S = 0.1
MAX_PAGES = 200


@dataclass(frozen=True, slots=True)
class TelnyxOptions:
    """What an installation may choose. `timeout_s` and `dial_timeout_s`: one try."""

    stream_codec: str = wire.STREAM_CODEC
    stream_target_legs: str = wire.STREAM_TARGET_LEGS
    transcription_engine: str = wire.TRANSCRIPTION_ENGINE
    machine_detection: str = wire.MACHINE_DETECTION
    speak_voice: str = ""
    """The carrier's voice for every language; "" picks one by language."""
    webhook_url: str = ""
    """Where the webhooks of answered and dialled legs go; "" leaves it to the application at Telnyx."""
    timeout_s: float = 1.5
    dial_timeout_s: float = 10.0


class TelnyxClient:
    """Implements `carrier.base.CarrierClient`. One per worker; safe for many greenlets."""

    def __init__(
        self,
        api_key: str,
        connection_id: str,
        base_url: str = wire.BASE_URL,
        options: TelnyxOptions | None = None,
        *,
        rng: random.Random | None = None,
        sleep: Callable[[float], None] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._api_key = api_key
        self._connection_id = connection_id
        self._base_url = base_url.rstrip("/")
        self._options = options or TelnyxOptions()
        self._rng = rng or random.Random()
        # Looked up here and not as defaults above: by now gevent has replaced them.
        self._sleep = sleep or time.sleep
        self._monotonic = monotonic or time.monotonic
        self._lazy_sdk: Any = None

    def warm_up(self) -> None:
        """Import the SDK and touch what a first command needs: together 1.5 s that must not be spent while calls run.
        Opens no connection, so it may run before the fork."""
        calls = self._sdk.calls
        actions = calls.actions.with_raw_response
        _ = (calls.with_raw_response.dial, self._sdk.connections.with_raw_response.list_active_calls)
        for command in (
            "answer", "hangup", "reject", "start_streaming", "stop_streaming", "start_transcription", "stop_transcription",
            "start_playback", "stop_playback", "speak", "send_dtmf", "transfer",
        ):  # fmt: skip
            getattr(actions, command)

    def close(self) -> None:
        """Close the connections."""
        if self._lazy_sdk is not None:
            self._lazy_sdk.close()
            self._lazy_sdk = None

    # --- commands to a leg ---

    def answer(self, call_control_id: str, *, command_id: str, client_state: dict[str, Any]) -> None:
        self._act(
            "answer",
            call_control_id,
            command_id,
            client_state=encode_client_state(client_state),
            **self._webhook_url(),
        )

    def reject(self, call_control_id: str, *, command_id: str) -> None:
        self._act("reject", call_control_id, command_id, cause=wire.REJECT_CAUSE)

    def start_stream(self, call_control_id: str, *, command_id: str, stream_url: str, auth_token: str) -> None:
        """A stream that is still there (of a dead owner, say) is stopped first, since a leg can have only one."""
        fields = {
            "stream_url": stream_url,
            "stream_auth_token": auth_token,
            "stream_track": wire.STREAM_TRACK,
            "stream_bidirectional_mode": wire.STREAM_MODE,
            "stream_bidirectional_codec": self._options.stream_codec,
            "stream_bidirectional_target_legs": self._options.stream_target_legs,
        }
        try:
            self._act("start_streaming", call_control_id, command_id, **fields)
        except Rejected as error:
            if error.code != wire.STREAMING_IN_USE:
                raise
            self.stop_stream(call_control_id, command_id=f"{command_id}-stop")
            # An id of its own: under the first one Telnyx would take it for the same, already answered command.
            self._act("start_streaming", call_control_id, f"{command_id}-again", **fields)

    def stop_stream(self, call_control_id: str, *, command_id: str) -> None:
        """No stream to stop is success."""
        self._act("stop_streaming", call_control_id, command_id, fine=wire.STREAMING_NOT_IN_USE)

    def start_transcription(self, call_control_id: str, *, command_id: str, language: str) -> None:
        """Running already is success."""
        engine = self._options.transcription_engine
        self._act(
            "start_transcription",
            call_control_id,
            command_id,
            fine=wire.TRANSCRIPTION_RUNNING,
            transcription_engine=engine,
            transcription_tracks=wire.TRANSCRIPTION_TRACKS,
            # `interim_results` is not among this engine's fields in the SDK, but documented for the command.
            extra_body={
                "transcription_engine_config": {
                    "transcription_engine": engine,
                    "language": language.partition("-")[0] if engine == wire.TRANSCRIPTION_ENGINE else language,
                    "interim_results": True,
                }
            },
        )

    def stop_transcription(self, call_control_id: str, *, command_id: str) -> None:
        self._act("stop_transcription", call_control_id, command_id)

    def start_playback(self, call_control_id: str, *, command_id: str, audio_url: str) -> None:
        """Queued by Telnyx behind what plays. Not cached there: each address is used once."""
        self._act(
            "start_playback",
            call_control_id,
            command_id,
            audio_url=audio_url,
            audio_type=wire.PLAYBACK_AUDIO_TYPE,
            cache_audio=False,
        )

    def stop_playback(self, call_control_id: str, *, command_id: str) -> None:
        self._act("stop_playback", call_control_id, command_id, stop=wire.PLAYBACK_STOP)

    def speak(self, call_control_id: str, *, command_id: str, text: str, language: str) -> None:
        voices = wire.SPEAK_VOICES
        by_language = voices.get(language.partition("-")[0].lower(), voices[wire.SPEAK_DEFAULT_LANGUAGE])
        self._act(
            "speak",
            call_control_id,
            command_id,
            payload=text[: wire.SPEAK_MAX_CHARACTERS],
            voice=self._options.speak_voice or by_language,
        )

    def send_dtmf(self, call_control_id: str, *, command_id: str, digits: str) -> None:
        self._act("send_dtmf", call_control_id, command_id, digits=digits)

    def transfer(
        self, call_control_id: str, *, command_id: str, to_number: str, timeout_s: int, time_limit_s: int
    ) -> None:
        self._act(
            "transfer",
            call_control_id,
            command_id,
            to=to_number,
            timeout_secs=_within(timeout_s, wire.RING_TIMEOUT_S),
            time_limit_secs=_within(time_limit_s, wire.TIME_LIMIT_S),
        )

    def hang_up(self, call_control_id: str, *, command_id: str) -> None:
        """Taken by Telnyx; `call.hangup` confirms it. CallGone: it was over before."""
        self._act("hangup", call_control_id, command_id)

    # --- calls ---

    def dial(
        self,
        *,
        command_id: str,
        from_number: str,
        to_number: str,
        client_state: dict[str, Any],
        detect_machine: bool,
        time_limit_s: int,
        ring_timeout_s: int,
    ) -> DialledCall:
        data = self._ask(
            lambda timeout_s: self._sdk.calls.with_raw_response.dial(
                connection_id=self._connection_id,
                from_=from_number,
                to=to_number,
                command_id=command_id,
                client_state=encode_client_state(client_state),
                answering_machine_detection=(
                    self._options.machine_detection if detect_machine else wire.MACHINE_DETECTION_OFF
                ),
                time_limit_secs=_within(time_limit_s, wire.TIME_LIMIT_S),
                timeout_secs=_within(ring_timeout_s, wire.RING_TIMEOUT_S),
                timeout=timeout_s,
                **self._webhook_url(),
            ),
            self._options.dial_timeout_s,
            shortened=False,
        )
        call = _data(data)
        call_control_id = call.get("call_control_id")
        if not isinstance(call_control_id, str) or not call_control_id:
            raise Unavailable("dial: the answer names no call", status=200)
        return DialledCall(call_control_id, str(call.get("call_session_id") or ""))

    def is_alive(self, call_control_id: str) -> bool:
        """False also for a leg that Telnyx does not know (any more)."""
        try:
            answer = self._ask(
                lambda timeout_s: self._sdk.calls.with_raw_response.retrieve_status(call_control_id, timeout=timeout_s),
                self._options.timeout_s,
            )
        except CallGone:
            return False
        except Rejected as error:
            if error.status == 404:
                return False
            raise
        return _data(answer).get("is_alive") is True

    def live_calls(self) -> dict[str, dict[str, Any]]:
        """All pages, followed by cursor as documented, or by number as the SDK has it."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, str] = {}
        for page in range(1, MAX_PAGES + 1):
            answer = self._ask(
                lambda timeout_s, query=query: (  # type: ignore[misc]
                    self._sdk.connections.with_raw_response.list_active_calls(
                        self._connection_id, extra_query=query, timeout=timeout_s
                    )
                ),
                self._options.timeout_s,
            )
            calls = answer.get("data")
            before = len(found)
            for call in calls if isinstance(calls, list) else []:
                if isinstance(call, dict) and isinstance(call.get("call_control_id"), str):
                    found[call["call_control_id"]] = decode_client_state(call.get("client_state"))
            meta = answer.get("meta")
            query = _next_page(meta if isinstance(meta, dict) else {}, page)
            if not query or len(found) == before:
                break
        return found

    # --- how ---

    @property
    def _sdk(self) -> Any:
        if self._lazy_sdk is None:
            import telnyx  # 0.8 s and 40 MB: only where a client is really used

            self._lazy_sdk = telnyx.Telnyx(api_key=self._api_key, base_url=self._base_url, max_retries=0)
        return self._lazy_sdk

    def _webhook_url(self) -> dict[str, str]:
        return {"webhook_url": self._options.webhook_url} if self._options.webhook_url else {}

    def _act(self, command: str, call_control_id: str, command_id: str, *, fine: str = "", **fields: Any) -> None:
        """One command to a leg. An error of the code `fine` means that what was wanted is so already."""
        if not call_control_id or not command_id:
            raise ValueError("a command needs a call_control_id and a command_id")
        actions = self._sdk.calls.actions.with_raw_response
        try:
            self._ask(
                lambda timeout_s: getattr(actions, command)(
                    call_control_id, command_id=command_id, timeout=timeout_s, **fields
                ),
                self._options.timeout_s,
            )
        except Rejected as error:
            if not fine or error.code != fine:
                raise

    def _ask(self, ask: Callable[[float], Any], timeout_s: float, *, shortened: bool = True) -> dict[str, Any]:
        """Ask, and ask again while that can help. `shortened`: the last try gets only what is left of the five
        seconds; a dial always gets its whole time, because giving one up in the middle may ring a phone for nobody."""
        give_up_at = self._monotonic() + TRY_WITHIN_S
        for number in range(1, MAX_TRIES + 1):
            left_s = give_up_at - self._monotonic()
            try:
                return _once(ask, max(LEAST_TIMEOUT_S, min(timeout_s, left_s)) if shortened else timeout_s)
            except _TryAgain as failure:
                pause_s = self._rng.uniform(0, min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (number - 1)))
                pause_s = max(pause_s, failure.retry_after_s)
                if number == MAX_TRIES or self._monotonic() + pause_s + LEAST_TIMEOUT_S > give_up_at:
                    raise failure.error from failure
                self._sleep(pause_s)
        raise AssertionError("unreachable")


class _TryAgain(Exception):
    """A try failed in a way that a later one may not."""

    def __init__(self, error: Unavailable, retry_after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s


def _once(ask: Callable[[float], Any], timeout_s: float) -> dict[str, Any]:
    import telnyx

    try:
        answer = ask(timeout_s).http_response.json()
    except telnyx.APIStatusError as error:
        ours = _to_error(error.status_code, error.body)
        if isinstance(ours, Unavailable):
            raise _TryAgain(ours, _retry_after_s(error.status_code, error.response.headers)) from error
        raise ours from error
    except telnyx.APITimeoutError as error:
        raise _TryAgain(Unavailable("Telnyx did not answer in time")) from error
    except (telnyx.APIError, ValueError) as error:
        # ValueError: an answer that is no JSON, for example a proxy's page.
        raise _TryAgain(Unavailable(f"Telnyx is not to be reached: {type(error).__name__}")) from error
    return answer if isinstance(answer, dict) else {}


def _to_error(status: int, body: object) -> CarrierError:
    """Status first, then code: 10011 is "too many requests" with 429 and "no SRTP here" with 422."""
    codes = _codes(body)
    code = codes[0] if codes else ""
    message = f"Telnyx answered {status}" + (f", code {code}" if code else "")
    if status == 429 or status == 408 or status >= 500 or status < 400:
        return Unavailable(message, code=code, status=status)
    gone = wire.CALL_GONE_CODES.intersection(codes)
    if status == 422 and gone:
        return CallGone(message, code=min(gone, key=codes.index), status=status)
    return Rejected(message, code=code, status=status)


def _codes(body: object) -> list[str]:
    errors = body.get("errors") if isinstance(body, dict) else None
    listed = errors if isinstance(errors, list) else []
    return [str(error["code"]) for error in listed if isinstance(error, dict) and error.get("code")]


def _retry_after_s(status: int, headers: Any) -> float:
    """What Telnyx asks us to wait; 0 when it says nothing usable (a date, say)."""
    names = [wire.RETRY_AFTER_HEADER] + ([wire.RATE_LIMIT_RESET_HEADER] if status == 429 else [])
    for name in names:
        text = headers.get(name, "")
        try:
            wait_s = float(text)
        except ValueError:
            continue
        if 0 <= wait_s < 86_400:
            return wait_s
    return 0.0


def _next_page(meta: dict[str, Any], page: int) -> dict[str, str]:
    cursors = meta.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if isinstance(after, str) and after:
        return {"page[after]": after}
    pages = meta.get("total_pages")
    return {"page[number]": str(page + 1)} if isinstance(pages, int) and page < pages else {}


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _within(value: int, limits: tuple[int, int]) -> int:
    return min(limits[1], max(limits[0], value))
