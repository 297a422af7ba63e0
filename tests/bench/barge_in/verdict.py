"""From figures to one line: may callers interrupt (F7)? Pure.

| the figures of                         | reached | verdict                     |
|----------------------------------------|---------|-----------------------------|
| interrupting, hearing and the soak     | all     | `ship-barge-in`             |
| hearing and the soak                   | all     | `ship-streaming-stt-only`   |
| anything else                          |         | `defer`                     |

A part nobody measured counts as not reached: a shortened run can never end in `ship-…`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from tests.bench.stage_runs import Figure

Part = Literal["interrupting", "hearing", "soak"]
PARTS: tuple[Part, ...] = ("interrupting", "hearing", "soak")
Verdict = Literal["ship-barge-in", "ship-streaming-stt-only", "defer"]


def verdict_of(figures: Mapping[Part, Sequence[Figure]]) -> Verdict:
    """The verdict on these figures, each under the part that it speaks for."""

    def reached(part: Part) -> bool:
        return bool(figures.get(part)) and all(figure.is_reached for figure in figures[part])

    if not (reached("hearing") and reached("soak")):
        return "defer"
    return "ship-barge-in" if reached("interrupting") else "ship-streaming-stt-only"
