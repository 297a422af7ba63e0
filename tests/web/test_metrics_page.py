"""backend/web/metrics_page.py"""

from pathlib import Path

import pytest

from backend import metrics
from tests.web.conftest import Stage


def test_the_figures_are_in_prometheus_text(stage: Stage) -> None:
    """With the names that dashboards use."""
    metrics.CALLS_FINISHED.count(outcome="completed")
    answer = stage.client().get("/metrics")

    assert answer.status_code == 200 and answer.content_type.startswith("text/plain")
    assert 'offhook_calls_finished_total{outcome="completed"}' in answer.text


def test_with_a_shared_folder_the_figures_of_all_workers_are_read(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder has no figures yet; that is no error."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    assert stage.client().get("/metrics").status_code == 200
