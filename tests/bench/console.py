"""What a person at the console waits for: the first page, an event in the call until it is painted, the agent's answer in
the browser; and how much JavaScript the first page loads.

One real Chromium before a real `up` on this machine, whose two cores they share with the whole product: the absolute times
are those of a crowded machine. `painted` is the frame after the change of the page (requestAnimationFrame), `at` what the
event itself says.
"""

import gzip
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.stage_runs import Figure
from tests.browser import chromium
from tests.browser.conftest import sign_in
from tests.browser.running_up import RunningUp

DIST = Path(__file__).resolve().parents[2] / "frontend" / "dist"
MOST_JS_BYTES = 250_000
FIRST_PAGE_S = 1.0
PAINTED_S = 0.25
CALLS = 3
WATCH = """
window.painted = [];
new MutationObserver((changes) => {
  const texts = changes.flatMap((change) => [change.target, ...change.addedNodes]).map((node) => node.textContent ?? "");
  requestAnimationFrame(() => { const at = Date.now() / 1000; for (const text of texts) window.painted.push([at, text]); });
}).observe(document, {subtree: true, childList: true, characterData: true});
"""


def run(say: Callable[[str], None]) -> list[Figure]:
    figures = [_first_load()]
    with RunningUp() as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=list(chromium.ARGUMENTS))
        try:
            figures.append(_first_page(browser, up, say))
            figures.append(_painted(browser, up, say))
        finally:
            browser.close()
    return figures


def _first_load() -> Figure:
    """The entry and what it imports statically, as a browser fetches it before any page is shown, and the sign-in page."""
    manifest: dict[str, Any] = json.loads((DIST / ".vite" / "manifest.json").read_text())
    wanted = [name for name, chunk in manifest.items() if chunk.get("isEntry")]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += manifest[name].get("imports", [])
    sizes = [len(gzip.compress((DIST / manifest[name]["file"]).read_bytes(), 9)) for name in seen]
    return Figure(
        "JavaScript of the first load, gzip",
        f"≤ {MOST_JS_BYTES // 1000} kB",
        f"{sum(sizes) / 1000:.0f} kB in {len(sizes)} files",
        sum(sizes) <= MOST_JS_BYTES,
    )


def _first_page(browser: Browser, up: RunningUp, say: Callable[[str], None]) -> Figure:
    """From the address to a form that can be typed into, nothing cached; ten times."""
    took = []
    for _ in range(10):
        context = browser.new_context(base_url=up.url)
        page = context.new_page()
        began = time.perf_counter()
        page.goto("/", wait_until="commit")
        page.get_by_label("Name").wait_for(state="visible")
        took.append(time.perf_counter() - began)
        context.close()
    say(f"first page: {[round(one, 2) for one in took]}")
    median = statistics.median(took)
    return Figure("first page usable on loopback, median of 10", "≤ 1 s", f"{median:.2f} s", median <= FIRST_PAGE_S)


def _painted(browser: Browser, up: RunningUp, say: Callable[[str], None]) -> Figure:
    """The lines of the transcript of some calls, from the session's clock to the frame that shows them."""
    delays: list[float] = []
    context = browser.new_context(base_url=up.url)
    page = context.new_page()
    page.add_init_script(WATCH)
    sign_in(page, up)
    for _ in range(CALLS):
        delays += _one_call(page, up)
        say(f"{len(delays)} events so far")
    context.close()
    ordered = sorted(delays)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    figure = f"p50 {1000 * statistics.median(delays):.0f}, p95 {1000 * p95:.0f} ms over {len(delays)} events"
    return Figure("event at the session → painted in the page", "p95 ≤ 250 ms", figure, p95 <= PAINTED_S)


def _one_call(page: Page, up: RunningUp) -> list[float]:
    key = {"Authorization": f"Bearer {up.api_key}"}
    begun = requests.post(
        f"{up.url}/api/rehearsals/question_and_answer/runs", json={"agent_id": None}, headers=key, timeout=20
    ).json()["run_id"]
    run_url = f"{up.url}/api/rehearsals/runs/{begun}"
    call = quote(_wait_for(lambda: requests.get(run_url, headers=key, timeout=20).json()["call_control_id"]), safe="")
    page.goto(f"/live/{call}")
    page.get_by_role("heading", level=1).wait_for()
    loaded_at = time.time()
    said: dict[str, float] = {}
    with requests.get(f"{up.url}/api/live/{call}/events", headers=key, stream=True, timeout=60) as stream:
        name = ""
        for line in stream.iter_lines(decode_unicode=True):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: ") and name == "transcript":
                event = json.loads(line[6:])
                said.setdefault(event["text"], event["at"])
            elif line.startswith("data: ") and name == "ended":
                break
    time.sleep(1)
    painted: list[list[Any]] = page.evaluate("window.painted")
    delays = []
    for text, at in said.items():
        wanted = re.sub(r"\s+", " ", text)
        first = min((one[0] for one in painted if wanted in re.sub(r"\s+", " ", one[1])), default=None)
        if first is not None and at > loaded_at + 1:  # what was there when the page came is no measure of its speed
            delays.append(first - at)
    return delays


def _wait_for(look: Callable[[], Any], within_s: float = 60) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError("it never came")
