"""Placing an outgoing call (C5): check the numbers, check the limits, dial, remember the leg.

The limit is asked before anything costs money, and a store that cannot answer means no call. If the leg cannot be
remembered after the dial, it is hung up again: a ringing call that no worker knows would be answered with silence.
"""

import hashlib
import uuid

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from backend.call.agent_config import E164
from backend.carrier.base import CarrierClient
from backend.errors import BackendError, CarrierError, Fault, StoreError
from backend.records.agents import Agent, Agents
from backend.store.dial_limits import DialLimits
from backend.store.legs import Legs

_REFUSED_TYPES = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)
_TIME_LIMIT_MARGIN_S = 120
"""The carrier cuts a leg this long after the agent should have ended it: the net under a lost hang-up."""


class BadNumber(BackendError):
    """A number that is not dialled. `field` names it in the request."""

    whose_fault: Fault = "client"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class DialLimited(BackendError):
    """Too many outgoing calls for now."""

    retryable = True
    whose_fault: Fault = "client"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("too many outgoing calls for now")
        self.retry_after_s = retry_after_s


def dial_out(
    *,
    agents: Agents,
    limits: DialLimits,
    legs: Legs,
    carrier: CarrierClient,
    ring_timeout_s: int,
    agent_id: str,
    from_number: str | None,
    to_number: str,
    idempotency_key: str = "",
) -> str:
    """Dial `to_number` for the agent and return the new leg's call_control_id.

    Without `from_number` the agent's first own number is shown. The same `idempotency_key` with the same agent and
    numbers gives the same command id: it counts once against the limits, and the carrier takes it for a repetition.
    Raises UnknownRecord, BadNumber, DialLimited, StoreError, RecordsUnavailable, Rejected or Unavailable.
    """
    agent = agents.get(agent_id)
    from_number = check_number("from_number", from_number or _own_number(agent))
    to_number = check_number("to_number", to_number)
    command_id = _command_id(agent.id, from_number, to_number, idempotency_key)
    permit = limits.take(to_number, command_id)
    if not permit.is_allowed:
        raise DialLimited(permit.retry_after_s)
    dialled = carrier.dial(
        command_id=command_id,
        from_number=from_number,
        to_number=to_number,
        client_state={"agent_id": agent.id, "agent_version": agent.version},
        detect_machine=agent.config.answering_machine != "ignore",
        time_limit_s=int(agent.config.settings.dead_air_settings.max_call_duration) + _TIME_LIMIT_MARGIN_S,
        ring_timeout_s=ring_timeout_s,
    )
    try:
        legs.begin_outgoing(dialled.call_control_id, from_number, to_number, agent.id, agent.version)
    except StoreError:
        try:
            carrier.hang_up(dialled.call_control_id, command_id=uuid.uuid4().hex)
        except CarrierError:
            pass  # gone already, or beyond reach: the carrier's own time limit ends it, the first error is the news
        raise
    return dialled.call_control_id


def check_number(field: str, number: str) -> str:
    """The number as E.164. Raises BadNumber when it cannot exist, or costs the called party's price."""
    if not E164.match(number):
        raise BadNumber(field, "must be a number in international form, such as +13125550100")
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        raise BadNumber(field, "has no known country code") from None
    # Possible, not valid: the lists of valid ranges are always behind the numbers that are really in use.
    if not phonenumbers.is_possible_number(parsed):
        raise BadNumber(field, "is too long or too short for its country")
    if phonenumbers.number_type(parsed) in _REFUSED_TYPES:
        raise BadNumber(field, "is a premium-rate or shared-cost number, which is never dialled")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _own_number(agent: Agent) -> str:
    if not agent.config.phone_numbers:
        raise BadNumber("from_number", "is needed: the agent has no number of its own")
    return agent.config.phone_numbers[0]


def _command_id(agent_id: str, from_number: str, to_number: str, idempotency_key: str) -> str:
    if not idempotency_key:
        return uuid.uuid4().hex
    parts = "\n".join((agent_id, from_number, to_number, idempotency_key))
    return hashlib.sha256(parts.encode("utf-8")).hexdigest()[:32]
