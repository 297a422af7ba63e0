"""backend/metrics.py"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter, Histogram

from backend import metrics

ROOT = Path(__file__).parent.parent


def test_a_label_keeps_its_first_values_and_calls_the_rest_other() -> None:
    """A flood of new values costs one series, not one each."""
    label = metrics.BoundedLabels()
    kept = [label("event_type", f"call.v{number}") for number in range(200)]

    assert len(set(kept)) == 65 and kept[199] == "other" and label("event_type", "call.v3") == "call.v3"
    assert label("reason", "new") == "new"


@pytest.mark.parametrize("value", ["+13125550100", "two words", "", "x" * 65, "a\nb", "v3:abc"])
def test_a_value_that_is_no_word_of_ours_is_other(value: str) -> None:
    """Numbers, ids and sentences never become labels."""
    assert metrics.BoundedLabels()("reason", value) == "other"


def test_every_figure_has_a_help_text_and_our_prefix() -> None:
    """Read from the library's own registry."""
    ours = [family for family in REGISTRY.collect() if family.name.startswith("offhook_")]

    assert {"offhook_webhooks", "offhook_check_ins", "offhook_live_calls", "offhook_turn_first_audio_seconds"} <= {
        family.name for family in ours
    }
    assert all(family.documentation for family in ours)
    for value in vars(metrics).values():
        assert not isinstance(value, Counter), "a counter outside BoundedCounter can grow without end"
        assert not isinstance(value, Histogram) or not value._labelnames


def test_counting_shows_up_under_the_documented_name() -> None:
    """The names that dashboards are built on."""
    before = REGISTRY.get_sample_value("offhook_webhooks_total", {"event_type": "call.hangup", "outcome": "ok"}) or 0
    metrics.WEBHOOKS.count(event_type="call.hangup", outcome="ok")
    metrics.CHECK_INS.count()

    assert (
        REGISTRY.get_sample_value("offhook_webhooks_total", {"event_type": "call.hangup", "outcome": "ok"})
        == before + 1
    )


def test_figures_of_several_processes_add_up_and_a_dead_ones_live_calls_do_not(tmp_path: Path) -> None:
    """Two processes count; then one dies."""
    tmp_path = tmp_path / "made" / "at the first import"
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    counting = (
        "from backend import metrics as m; import os; m.CHECK_INS.count(); m.LIVE_CALLS.set(2); print(os.getpid())"
    )
    pids = [
        int(
            subprocess.run(
                [sys.executable, "-c", counting], cwd=ROOT, env=environ, capture_output=True, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    reading = (
        "from prometheus_client import CollectorRegistry, multiprocess; r = CollectorRegistry();"
        "multiprocess.MultiProcessCollector(r);"
        "print(r.get_sample_value('offhook_check_ins_total'), r.get_sample_value('offhook_live_calls'))"
    )

    def read() -> list[str]:
        done = subprocess.run([sys.executable, "-c", reading], cwd=ROOT, env=environ, capture_output=True, text=True)
        return done.stdout.split()

    assert read() == ["2.0", "4.0"]
    metrics.worker_gone(pids[0], tmp_path)
    assert read() == ["2.0", "2.0"]
    metrics.clear_directory(tmp_path)
    assert list(tmp_path.glob("*.db")) == []
