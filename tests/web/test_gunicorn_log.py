"""backend/web/gunicorn_log.py"""

import json
from collections.abc import Callable

import pytest
from gunicorn.config import Config

from backend.web.gunicorn_log import JsonLogger


def test_a_line_of_gunicorns_is_written_once_and_as_json(
    log_text: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Also after gunicorn has read its configuration again."""
    logger = JsonLogger(Config())
    logger.info("Listening at: %s (%s)", "http://127.0.0.1:8000", 7)
    logger.setup(Config())
    logger.warning("Worker %s died", 9)

    lines = [json.loads(line) for line in log_text().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "Listening at: http://127.0.0.1:8000 (7)"), ("warning", "Worker 9 died"),
    ]  # fmt: skip
    assert capfd.readouterr() == ("", "")
