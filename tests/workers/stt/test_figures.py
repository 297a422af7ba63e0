"""What the sidecar counts."""

from backend.workers.stt.figures import SidecarFigures


def test_the_page_holds_every_figure() -> None:
    """In the text format; a close code from outside the protocol makes no label of its own."""
    figures = SidecarFigures()
    figures.step(3, 0.48, 0.02)
    figures.seated(2)
    figures.closed(1000)
    figures.closed(4711)
    figures.closed(4712)
    figures.odd_message()

    lines = figures.page().decode().splitlines()

    assert {
        "offhook_stt_sessions 2.0",
        'offhook_stt_closed_total{code="1000"} 1.0',
        'offhook_stt_closed_total{code="other"} 2.0',
        "offhook_stt_odd_messages_total 1.0",
        "offhook_stt_audio_seconds_total 0.48",
        "offhook_stt_step_seconds_sum 0.02",
        'offhook_stt_step_sessions_bucket{le="4.0"} 1.0',
    } <= set(lines)


def test_two_of_them_do_not_share_their_figures() -> None:
    """No global registry."""
    SidecarFigures().seated(5)

    assert "offhook_stt_sessions 0.0" in SidecarFigures().page().decode()
