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
    page.get_by_role("textbox", name="Name", exact=True).fill("Bakery")
    page.get_by_role("textbox", name=re.compile("^Greeting")).fill("Bakery Miller, good morning.")
    page.get_by_role("button", name="Make agent").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bakery")

    silence = page.get_by_role("textbox", name=re.compile("^Silence before a check-in"))
    silence.fill("4")
    silence.blur()
    expect(page.get_by_label("What a silent caller hears").first).to_contain_text("4 s")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.get_by_text("Version 2 is saved.")).to_be_visible()

    page.get_by_role("link", name="Rehearsals").first.click()
    page.get_by_role("button", name="Run default_dead_air", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="Agent").select_option(label="Bakery")
    dialog.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("link", name="Watch the call").click(timeout=CALL_WITHIN_MS)

    transcript = page.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text("Bakery Miller, good morning.")
    expect(transcript).to_contain_text("Check-in 2 of 2", timeout=CALL_WITHIN_MS)
    expect(page.get_by_role("status", name="The call is over")).to_be_visible(timeout=CALL_WITHIN_MS)

    page.get_by_role("link", name="Calls").first.click()
    page.get_by_role("list", name="Calls").get_by_role("link").first.click()
    expect(page.get_by_text("caller stayed silent").first).to_be_visible()
    lines = page.get_by_role("region", name="Transcript")
    expect(lines).to_contain_text("Bakery Miller, good morning.")
    expect(lines).to_contain_text("Are you still there?")
