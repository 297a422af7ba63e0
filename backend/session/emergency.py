"""The last words of a call that one of our own bugs has ended: an apology, then a hang-up that is insisted on.

Uses nothing but the carrier's REST commands and its own voice: whatever is broken, it is on our side. Runs in a greenlet
of its own after the session has gone; decides nothing but the order.
"""

from collections.abc import Callable

import gevent
import structlog

from backend.call.agent_config import AgentConfig
from backend.call.commands import HangUp, SpeakByCarrier
from backend.call.hangup import RETRY_AFTER_S
from backend.call.saying import CARRIER_SPEECH_S_PER_CHARACTER
from backend.errors import CallGone, CarrierError
from backend.session.leg_commands import LegCommands

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def apologise_and_hang_up(leg: LegCommands, agent: AgentConfig, sleep: Callable[[float], None] = gevent.sleep) -> None:
    """Returns when the carrier took the hang-up, or was asked four times; then the sweeper's turn has come."""
    with structlog.contextvars.bound_contextvars(call_control_id=leg.call_control_id):
        text = agent.settings.no_progress.apology_message
        try:
            leg.speak(SpeakByCarrier("emergency", 0, 0, text), agent.language)
            sleep(1.0 + len(text) * CARRIER_SPEECH_S_PER_CHARACTER)
        except CallGone:
            return
        except CarrierError as error:
            log.warning("no_apology", error=str(error))
        for attempt, pause_s in enumerate((*RETRY_AFTER_S, 0.0), 1):
            try:
                leg.hang_up(HangUp(attempt))
                return
            except CallGone:
                return
            except CarrierError as error:
                log.warning("hang_up_refused", attempt=attempt, error=str(error))
                sleep(pause_s)
