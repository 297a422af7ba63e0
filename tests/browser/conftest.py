"""A real Chromium before a real `up`. One stack for the session; every test has a page of its own, signed in as admin."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.running_up import RunningUp

PATIENCE_MS = 20_000
"""How long a page may take on a busy machine before a test calls it broken; how fast it is, a benchmark says."""


@pytest.fixture(scope="session")
def up() -> Iterator[RunningUp]:
    with RunningUp() as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium.path(), args=list(chromium.ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, up: RunningUp) -> Iterator[Page]:
    """Signed in. What the page's console calls an error fails the test, and so does a breach of the content policy."""
    context = browser.new_context(base_url=up.url)
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    sign_in(opened, up)
    complaints.clear()  # before the sign-in the session was asked for, and refused
    yield opened
    context.close()
    assert complaints == []


def sign_in(page: Page, up: RunningUp) -> None:
    page.goto("/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password", exact=True).fill(up.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation").first).to_be_visible()
