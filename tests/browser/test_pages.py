"""Every page: no serious finding of axe in either colour scheme, usable on a phone, and hostile text stays text."""

from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.running_up import RunningUp

pytestmark = pytest.mark.live
AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
PAGES = (
    "/calls",
    "/live",
    "/agents",
    "/agents/new",
    "/rehearsals",
    "/rehearsals/hold_on",
    "/rehearsals/new",
    "/talk",
    "/users",
    "/api-keys",
)
HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    '"><svg onload=window.hacked=1>',
    "javascript:window.hacked=1",
    "{{constructor.constructor('window.hacked=1')()}}",
    "</title><script>window.hacked=1</script>",
)


def findings(page: Page) -> list[str]:
    """What axe calls serious or critical, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(page: Page, scheme: str) -> None:
    """In both colour schemes; every page has a heading of its own and leaves no skeleton behind."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    wrong: dict[str, list[str]] = {}
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if found := findings(page):
            wrong[path] = found

    assert wrong == {}


def test_every_page_fits_a_phone(page: Page) -> None:
    """Nothing has to be scrolled sideways."""
    page.set_viewport_size({"width": 390, "height": 844})
    too_wide = []
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            too_wide.append(path)

    assert too_wide == []


def test_hostile_text_stays_text(page: Page, up: RunningUp) -> None:
    """In every field of an agent that takes words, shown on each page that shows agents: nothing of it runs."""
    key = {"Authorization": f"Bearer {up.api_key}"}
    made = []
    for text in HOSTILE:
        agent = {
            "name": text[:80], "greeting": text, "instructions": text,
            "settings": {"dead_air_settings": {"checkin_message": text, "goodbye_message": text}},
        }  # fmt: skip
        answer = requests.post(f"{up.url}/api/agents", json=agent, headers=key, timeout=10)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    try:
        for path in ("/agents", "/talk", "/rehearsals", "/calls", *(f"/agents/{agent_id}" for agent_id in made)):
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            assert page.evaluate("window.hacked") is None, path
        page.goto("/agents")
        expect(page.get_by_role("link", name=HOSTILE[0], exact=True)).to_be_visible()
    finally:
        for agent_id in made:
            requests.delete(f"{up.url}/api/agents/{agent_id}", headers=key, timeout=10)
