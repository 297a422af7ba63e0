"""A turn model that gives the verdicts it was told to, when it is told to."""

import gevent.event

from backend.errors import EngineBusy


class FakeTurnModel:
    """Implements `TurnModel`. `verdicts` are given in order, then 0.5; None is a failure. With `hold` set it does not answer
    before `release`."""

    window_s = 8.0

    def __init__(self, *verdicts: float | None, hold: bool = False) -> None:
        self.verdicts = list(verdicts)
        self.asked: list[tuple[bytes, int]] = []
        self._may_answer = gevent.event.Event()
        if not hold:
            self._may_answer.set()

    def release(self) -> None:
        self._may_answer.set()

    def judge(self, pcm: bytes, sample_rate: int) -> float:
        self.asked.append((pcm, sample_rate))
        verdict = self.verdicts.pop(0) if self.verdicts else 0.5
        self._may_answer.wait()
        if verdict is None:
            raise EngineBusy("full", engine="fake")
        return verdict
