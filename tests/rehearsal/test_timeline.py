"""What the timeline shows of a call."""

import io

from rich.console import Console

from backend.rehearsal.timeline import Timeline
from tests.rehearsal.builders import command, entry


def lines_of(*entries: object) -> list[str]:
    output = io.StringIO()
    timeline = Timeline(Console(file=output, width=200, color_system=None))
    for one in entries:
        timeline.show(one)  # type: ignore[arg-type]
    return [line.strip() for line in output.getvalue().splitlines()]


def test_each_line_tells_the_seconds_since_the_answer_and_the_silence_before() -> None:
    """What an engineer reads while the call is running."""
    lines = lines_of(
        entry(9.0, "ring"),
        entry(10.0, "answered"),
        entry(11.0, "agent_audio_started"),
        entry(12.5, "agent_audio_ended", started_at=11.0, ended_at=12.5, starved_s=0.0),
        entry(19.5, "agent_audio_started"),
        entry(20.0, "hangup", cause="normal_clearing", source="callee"),
    )

    assert lines[1].startswith("0.00 s")
    assert lines[3] == "2.50 s  ■ agent is silent after 1.50 s"
    assert lines[4] == "9.50 s  ▶ agent begins to speak  (7.00 s after it fell silent)"
    assert "normal_clearing" in lines[5]


def test_what_is_not_worth_a_line_is_not_shown() -> None:
    """Webhooks and accepted commands would drown the call; refused ones are told."""
    shown = lines_of(entry(1.0, "webhook_sent", status=200), command(1.0, "answer"), command(2.0, "hangup", status=422))

    assert len(shown) == 1
    assert "hangup 422" in shown[0]


def test_a_closed_timeline_shows_nothing_more() -> None:
    """The carrier's log outlives one rehearsal."""
    output = io.StringIO()
    timeline = Timeline(Console(file=output))
    timeline.close()
    timeline.show(entry(1.0, "answered"))

    assert output.getvalue() == ""
