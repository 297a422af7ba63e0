"""gunicorn's logger, without an output of its own: its lines go where all of ours go, once, as JSON (`backend/logs.py`).

gunicorn makes one per start and sets it up again whenever it reads its configuration; so this is a class, not a call.
"""

from typing import Any

from gunicorn.glogging import Logger


class JsonLogger(Logger):  # type: ignore[misc]
    """Named in gunicorn.conf.py."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = []
            logger.propagate = True
