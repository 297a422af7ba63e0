"""The agent's answer under way: one request to the model and what came of it so far.

Holds facts only; `conversation.py` decides. Instants are the owner's monotonic seconds.
"""

from dataclasses import dataclass

from backend.call.commands import ReportTurn


@dataclass(slots=True)
class Answer:
    """One turn of the model. A turn may take several requests (after tools, or with the fallback model); each request
    has its own `turn_id`, so that a late sentence of an older one is recognised."""

    turn_id: str
    began_at: float
    """When the caller's turn was taken as ended."""
    caller_ended_at: float | None
    """When the caller's voice fell silent; None if no voice came before this turn."""
    sentences: int = 0
    tool_calls: int = 0
    refused_tool_calls: int = 0
    """Tools whose result the model must learn of, even if it has said something already."""
    tool_rounds: int = 0
    failures: int = 0
    first_sentence_at: float | None = None
    first_audio_at: float | None = None

    def report(self) -> ReportTurn:
        """Latencies since the caller fell silent."""

        def since(at: float | None) -> float | None:
            return None if at is None or self.caller_ended_at is None else round(at - self.caller_ended_at, 4)

        return ReportTurn(self.turn_id, since(self.began_at), since(self.first_sentence_at), since(self.first_audio_at))


@dataclass(slots=True)
class Closing:
    """The call is being ended: what is being said is heard first, then the leg is hung up (or handed to somebody)."""

    outcome: str
    since: float
    hang_up_by: float
    """However much is still to be said."""
    may_be_revoked: bool = False
    """The caller's words bring the conversation back, as long as the carrier was not asked yet."""
