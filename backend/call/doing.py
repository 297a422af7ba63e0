"""What a call is at, in one word, for whoever watches it.

Decides: which word, from the state of the machines alone. Nothing in a call acts on it. The first row that holds counts:

| word      | holds while                                                                  |
|-----------|------------------------------------------------------------------------------|
| ending    | the call is over or closing, or somebody else has the caller, or is rung for |
| speaking  | agent audio is audible or on its way                                         |
| thinking  | an answer, or the audio of something to say, is being made                   |
| on_hold   | the caller asked for time                                                    |
| listening | none of these                                                                |
"""

from typing import Literal

from backend.call.answering import Answering
from backend.call.dead_air import DeadAir
from backend.call.ending import Ending
from backend.call.playback import Ledger
from backend.call.transfer import Transferring

Doing = Literal["listening", "thinking", "speaking", "on_hold", "ending"]


def doing(ending: Ending, transfer: Transferring, ledger: Ledger, answering: Answering, dead_air: DeadAir) -> Doing:
    """The table above, without its "is over"."""
    if ending.is_closing or transfer.is_handed_over:
        return "ending"
    if ledger.audible():
        return "speaking"
    if answering.is_under_way or ledger.requested():
        return "thinking"
    return "on_hold" if dead_air.on_hold else "listening"
