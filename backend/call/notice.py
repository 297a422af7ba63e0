"""May this call be recorded yet?

Who is recorded has been told so first: where the agent has a notice, recording begins when the caller has heard it to its
end. A notice that could not be said, by no voice, means that the call is not recorded at all. Without a notice it begins
with the call. `session/recording.py` asks after every event.
"""

from backend.call.agent_config import AgentConfig
from backend.call.playback import Ledger, PieceState


def may_record(agent: AgentConfig, ledger: Ledger) -> bool:
    """The agent records its calls, and this caller has heard the notice, if there is one."""
    if not agent.recording:
        return False
    if not agent.notice:
        return True
    return any(piece.kind == "notice" and piece.state == PieceState.HEARD for piece in ledger.pieces)
