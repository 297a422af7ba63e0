"""What is done when a call is over: its summary, then its webhook. Runs beside the sweeper, in threads of its own.

Works off the outbox (`records/after_call.py`), outside every session and every request. Per call, one step after the other:

| step    | tried                                                          | when all tries have failed                  |
|---------|----------------------------------------------------------------|---------------------------------------------|
| summary | at once, then after each of `SUMMARY_PAUSES_S`: a quarter hour | the webhook goes without one                |
| webhook | at once, then after pauses that grow from 10 s to              | given up; `POST /api/calls/{id}/after-call` |
|         | `LONGEST_PAUSE_S`, for `TRY_FOR_S`: three days                 | has it tried again                          |

Every failure is in the call's record. A webhook that was sent and whose answer was lost is sent again, with the same id.
The address is the agent's present one, so that a wrong one can be put right while calls wait; the summary is the one that
was wanted when the call was made.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Protocol

import structlog

from backend.call.agent_config import AgentConfig
from backend.call.summary import (
    LONGEST_ANSWER,
    BadSummary,
    Spoken,
    Summary,
    parse_summary,
    summary_messages,
    summary_schema,
)
from backend.clock import Clock
from backend.engines.base import AnswerRequest, Llm, TextDelta
from backend.errors import EngineError, RecordsError
from backend.metrics import AFTER_CALL
from backend.records.after_call import WAITING, AfterCall, AfterCalls
from backend.records.agents import Agents
from backend.records.calls import Call, Calls
from backend.records.errors import UnknownRecord
from backend.workers.safe_post import PostFailed
from backend.workers.webhook import WebhookSecrets, build_body, headers_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
AT_ONCE = 4
LEASE_S = 180.0
"""Longer than both steps of one call can take."""
SUMMARY_PAUSES_S = (10.0, 60.0, 180.0, 600.0)
SUMMARY_WITHIN_S = 60.0
SUMMARY_TOKENS = 2000
FIRST_PAUSE_S, GROWTH, LONGEST_PAUSE_S = 10.0, 3.0, 4 * 3600.0
TRY_FOR_S = 3 * 86_400.0


class Post(Protocol):
    """`safe_post` with the installation's settings filled in."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int: ...


def webhook_pause_s(attempts: int) -> float:
    """How long to wait after so many attempts, the first being 1."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * GROWTH ** min(attempts - 1, 20))


class AfterCallWorker:
    """Of one process. `run_due` does what is due now; `start` and `stop` have it done in the background."""

    def __init__(
        self,
        clock: Clock,
        calls: Calls,
        agents: Agents,
        outbox: AfterCalls,
        llm: Llm,
        post: Post,
        secrets: WebhookSecrets,
    ) -> None:
        self._clock = clock
        self._calls = calls
        self._agents = agents
        self._outbox = outbox
        self._llm = llm
        self._post = post
        self._secrets = secrets
        self._threads = ThreadPoolExecutor(AT_ONCE, "after-call")
        self._is_stopping = threading.Event()
        self._looking: threading.Thread | None = None

    def start(self) -> None:
        self._looking = threading.Thread(target=self._look, name="after-call", daemon=True)
        self._looking.start()

    def stop(self) -> None:
        """What is under way is finished; what is not begun is somebody else's, or waits for the next start."""
        self._is_stopping.set()
        if self._looking is not None:
            self._looking.join()
        self._threads.shutdown()

    def run_due(self) -> int:
        """Takes what is due and does it. Returns how many calls that were."""
        due = self._outbox.take_due(self._clock.wall(), LEASE_S, AT_ONCE)
        for _ in self._threads.map(self._do_safely, due):
            pass
        return len(due)

    def _look(self) -> None:
        while not self._is_stopping.is_set():
            try:
                found = self.run_due()
            except RecordsError as error:
                log.warning("after_call_skipped", error=str(error))
                found = 0
            if not found:
                self._is_stopping.wait(LOOK_EVERY_S)

    def _do_safely(self, after: AfterCall) -> None:
        with structlog.contextvars.bound_contextvars(call_control_id=after.call_control_id):
            try:
                self._do(after)
            except UnknownRecord:
                pass  # the call was deleted a moment ago, and with it what was to be done
            except RecordsError as error:
                log.warning("after_call_not_noted", error=str(error))  # due again when the lease is over
            except Exception:  # one call that cannot be worked off must not stop the others
                log.exception("after_call_failed_by_a_bug")

    def _do(self, after: AfterCall) -> None:
        call = self._calls.get(after.call_control_id)
        version = self._agents.get_version(call.summary.agent_id, call.summary.agent_version).config
        if after.summary_state == WAITING:
            pause_s = self._summarise(after, call, version)
            if pause_s is not None:
                self._outbox.due_again(after.call_control_id, self._clock.wall() + pause_s)
                return
        pause_s = self._deliver(after, call, version) if after.webhook_state == WAITING else None
        next_at = None if pause_s is None else self._clock.wall() + pause_s
        self._outbox.due_again(after.call_control_id, next_at)

    # --- the summary ---

    def _summarise(self, after: AfterCall, call: Call, agent: AgentConfig) -> float | None:
        """Seconds until it is tried again; None: there is one, or there will be none."""
        call_id, number = after.call_control_id, after.summary_attempts + 1
        try:
            summary = self._ask(f"{after.webhook_id}-{number}", call, agent)
        except (EngineError, BadSummary) as error:
            is_last = number > len(SUMMARY_PAUSES_S)
            self._outbox.summary_failed(call_id, str(error), is_last=is_last)
            AFTER_CALL.count(step="summary", result="given_up" if is_last else "failed")
            log.warning("summary_failed", attempt=number, error=str(error), is_last=is_last)
            return None if is_last else SUMMARY_PAUSES_S[number - 1]
        self._outbox.summarised(call_id, asdict(summary))
        AFTER_CALL.count(step="summary", result="done")
        return None

    def _ask(self, answer_id: str, call: Call, agent: AgentConfig) -> Summary:
        settings = agent.settings.after_call
        spoken = [Spoken(turn.speaker, turn.text) for turn in call.turns if turn.heard != "unheard"]
        request = AnswerRequest(
            answer_id,
            summary_messages(settings, spoken),
            model=agent.model,
            temperature=0.0,
            max_tokens=SUMMARY_TOKENS,
            answer_schema=summary_schema(settings),
        )
        give_up_at = self._clock.monotonic() + SUMMARY_WITHIN_S
        answer = ""
        for piece in self._llm.answer(request):
            if isinstance(piece, TextDelta):
                answer += piece.text
            if len(answer) > LONGEST_ANSWER or self._clock.monotonic() > give_up_at:
                self._llm.cancel(answer_id)
                raise BadSummary("the answer was too long, or took too long")
        return parse_summary(answer, settings)

    # --- the webhook ---

    def _deliver(self, after: AfterCall, call: Call, version: AgentConfig) -> float | None:
        """Seconds until it is tried again; None: it is delivered, or given up."""
        call_id, number = after.call_control_id, after.webhook_attempts + 1
        # As it is now: the summary may have come a moment ago.
        present = self._outbox.get(call_id)
        if present is None:
            return None
        agent_id = call.summary.agent_id
        body = build_body(call, present, version.name)
        headers = headers_of(body, after.webhook_id, self._secrets.of(agent_id), self._clock.wall())
        status: int | None = None
        try:
            status = self._post(self._address(agent_id, version), body, headers)
            error = "" if 200 <= status < 300 else f"answered {status}"
        except PostFailed as failure:
            error = str(failure)
        now = self._clock.wall()
        if not error and status is not None:
            self._outbox.delivered(call_id, status, now)
            AFTER_CALL.count(step="webhook", result="done")
            log.info("webhook_delivered", attempt=number, status=status)
            return None
        pause_s = webhook_pause_s(number)
        is_last = now + pause_s > after.webhook_since + TRY_FOR_S
        self._outbox.delivery_failed(call_id, error, status, is_last=is_last)
        AFTER_CALL.count(step="webhook", result="given_up" if is_last else "failed")
        log.warning("webhook_failed", attempt=number, error=error, is_last=is_last)
        return None if is_last else pause_s

    def _address(self, agent_id: str, version: AgentConfig) -> str:
        try:
            now = self._agents.get(agent_id).config.settings.after_call.webhook_url
        except UnknownRecord:  # the agent was deleted: its calls are still owed
            now = ""
        return now or version.settings.after_call.webhook_url
