"""The first day: an agent is made, a time changed, rehearsed, the call watched and read afterwards."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.running_up import RunningUp

pytestmark = pytest.mark.live
CALL_WITHIN_MS = 60_000
"""A whole rehearsal, in real time."""


def test_from_a_new_agent_to_the_finished_call(page: Page, up: RunningUp) -> None:
    """Everything over the pages, nothing over the API."""
    page.get_by_role("link", name="Agents").first.click()
    page.get_by_role("link", name="New agent").first.click()
    page.get_by_label("Name", exact=True).fill("Bakery")
    page.get_by_label(re.compile("^Greeting")).fill("Bakery Miller, good morning.")
    page.get_by_role("button", name=re.compile("Create|Save")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bakery")

    silence = page.get_by_label(re.compile("^Silence before a check-in|^Silence timeout|^Check-in after"))
    silence.fill("4")
    picture = page.get_by_label("What a silent caller hears")
    expect(picture).to_contain_text("4 s")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.get_by_role("button", name=re.compile("^Save"))).to_be_disabled()

    page.get_by_role("link", name="Rehearsals").first.click()
    page.get_by_role("button", name="Run default_dead_air").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Agent", exact=True).click()
    page.get_by_role("option", name="Bakery").click()
    dialog.get_by_role("button", name="Run it").click()
    page.get_by_role("link", name="Watch it live").click(timeout=CALL_WITHIN_MS)

    expect(page.get_by_text("Bakery Miller, good morning.")).to_be_visible()
    expect(page.get_by_text("Are you still there?").first).to_be_visible(timeout=CALL_WITHIN_MS)
    expect(page.get_by_text(re.compile("ended|over", re.IGNORECASE)).first).to_be_visible(timeout=CALL_WITHIN_MS)

    page.get_by_role("link", name="Calls").first.click()
    page.get_by_role("list", name="Calls").get_by_role("link").first.click()
    transcript = page.get_by_role("region", name="Transcript")
    expect(transcript).to_contain_text("Bakery Miller, good morning.")
    expect(transcript).to_contain_text("Are you still there?")
