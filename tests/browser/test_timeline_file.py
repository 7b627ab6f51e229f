"""The timeline as one offline HTML file, in a browser with no kernel and no network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import hatch_build
from duranb.record import events as e
from duranb.record.events import ErrorInfo, Usage
from duranb.record.fold import Fold
from duranb.timelines.html import timeline_html
from tests.browser import story
from tests.browser.conftest import ROOT, NewPage

FAULTS = """async () => {
  const found = await axe.run(".db-root", { resultTypes: ["violations"] });
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}"""
"""What axe-core objects to, each as a rule and the element."""


def save(told: story.Story, folder: Path, title: str = "licences.ipynb") -> str:
    """Write the file; its URL."""
    path = folder / "timeline.html"
    path.write_text(timeline_html(Fold(told.events).history, told, title), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Page:
    """The licence agent's file, open."""
    page.goto(save(story.agent(), tmp_path))
    page.wait_for_selector(".db-row")
    return page


def row(page: Page, number: int) -> str:
    return page.locator(f"#db-row-{number}").inner_text().replace("\n", " ")


def test_rows_say_what_became_of_each_execution(opened: Page) -> None:
    """Every execution has a row with its name, how its result came about and what it saved."""
    assert opened.locator(".db-row").count() == 19
    assert "killed" in row(opened, 2)
    assert "resumed" in row(opened, 4)
    assert "+6" in row(opened, 4)
    assert "restored" in row(opened, 8)
    assert "compensate file_tickets" in row(opened, 16)
    assert "head" in row(opened, 17)
    assert "waiting" in row(opened, 19)
    expect(opened.locator(".db-tiles")).to_contain_text("2 nothing lost")


def test_verbs_are_not_offered_without_a_kernel(opened: Page) -> None:
    """A file cannot change a notebook, so it has no buttons that would."""
    assert opened.locator(".db-action").count() == 0
    assert opened.locator(".db-branch:enabled").count() == 0


def test_inspector_shows_attempts_calls_values_and_code(opened: Page) -> None:
    """What is known of an execution is in the file: causes, calls, values, outputs, differences."""
    panel = opened.locator(".db-panel")
    opened.click("#db-row-4")
    opened.click('[data-tab="Attempts"]')
    expect(panel).to_contain_text("429 Too Many Requests")
    expect(panel).to_contain_text("waited 1.6 s before the next")
    opened.click('[data-tab="Calls"]')
    expect(panel.get_by_text("from the journal")).to_have_count(6)
    expect(panel).to_contain_text("HTTP 429")
    opened.click("#db-row-1")
    opened.click('[data-tab="Values"]')
    expect(panel).to_contain_text("licences")
    expect(panel).to_contain_text("48 licence texts")
    frame = panel.locator("iframe").content_frame
    expect(frame.locator("td").first).to_have_text("numpy")
    opened.click("#db-row-17")
    opened.click('[data-tab="Code"]')
    expect(panel.locator(".db-plus")).to_contain_text("words=150")


def test_recorded_text_is_never_run(page: Page, tmp_path: Path) -> None:
    """Names, previews, outputs and errors that are markup stay text, wherever they are shown."""
    bad = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    told = story.Story()
    told.tell(e.RunStarted(run="r", notebook=bad))
    told.session()
    number = told.start(bad, bad, reason=bad)
    told.llm(number, bad, bad)
    html = {"type": "display_data", "content": {"data": {"text/html": bad}}}
    name = {bad: story.bound("x", bad, bad)}
    told.complete(number, name, messages=[story.printed(bad), html], unstored={bad: bad})
    page.goto(save(told, tmp_path, title=bad))
    page.wait_for_selector(".db-row")
    for tab in ("Overview", "Calls", "Values", "Code", "Attempts"):
        page.click(f'[data-tab="{tab}"]')
        page.wait_for_selector(".db-panel :first-child")
    assert page.evaluate("window.hacked") is None
    assert page.title() == bad


def test_nothing_is_loaded(page: Page, tmp_path: Path) -> None:
    """The file is whole: opening it asks for nothing else."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    url = save(story.agent(), tmp_path)
    page.goto(url)
    page.wait_for_selector(".db-row")
    assert asked == [url]


def test_keyboard_alone_reaches_everything(opened: Page) -> None:
    """Arrows walk the rows and the tabs, left and right close and open, / typing narrows."""
    opened.locator(".db-scroll").focus()
    opened.keyboard.press("Home")
    expect(opened.locator(".db-what h2")).to_have_text("collect")
    for _ in range(10):
        opened.keyboard.press("ArrowDown")
    expect(opened.locator(".db-what h2")).to_have_text("file_tickets")
    opened.keyboard.press("ArrowLeft")
    expect(opened.locator("#db-row-12")).to_have_count(0)
    opened.keyboard.press("ArrowRight")
    expect(opened.locator("#db-row-12")).to_have_count(1)
    opened.locator('[role="tab"][aria-selected="true"]').focus()
    opened.keyboard.press("ArrowRight")
    expect(opened.locator('[data-tab="Calls"]')).to_have_attribute("aria-selected", "true")


def test_waiting_looks_like_waiting_and_nothing_goes_on_in_a_file(
    page: Page, tmp_path: Path
) -> None:
    """A step that waits says for what, whether it stopped or holds its kernel; one that ran when
    the file was written is not shown as running."""
    told = story.agent()
    story.ask(told, told.start("confirm", "…"), "confirm", "Send it?")
    told.start("summarise", "…")
    page.goto(save(told, tmp_path))
    page.wait_for_selector(".db-row")
    for number in (19, 20):
        assert "waits for an answer" in row(page, number)
    assert "was running" in row(page, 21)
    expect(page.locator(".db-spin, .db-running")).to_have_count(0)
    page.click("#db-row-20")
    expect(page.locator(".db-waiting")).to_contain_text("an answer: Send it?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(new_page: NewPage, tmp_path: Path, scheme: str) -> None:
    """axe-core finds no fault: roles and labels are there for a screen reader, scrollable text can
    be reached by keyboard, and all text has contrast, in light and in dark."""
    widgets = ROOT / "widgets"
    hatch_build.install(widgets, development=True)
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(save(story.agent(), tmp_path))
    page.wait_for_selector(".db-row")
    page.evaluate((widgets / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    for number, tab in ((19, "Overview"), (4, "Calls"), (5, "Values"), (17, "Code")):
        page.click(f"#db-row-{number}")
        page.click(f'[data-tab="{tab}"]')
        page.wait_for_selector(".db-panel :first-child")
        assert page.evaluate(FAULTS) == []


def test_errors_keep_their_lines_and_unknown_costs_are_said(page: Page, tmp_path: Path) -> None:
    """A message of several lines is shown as such; a call without a price is marked in its row."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    number = told.start("s", "…")
    usage = Usage(model="local", input_tokens=9, output_tokens=9, cost=0.0, priced=False)
    told.llm(number, "s", "a price", usage=usage)
    error = ErrorInfo(type="ValueError", message="one\ntwo")
    told.fail(number, 1, "code", error)
    told.tell(e.ExecutionEnded(execution=number, status="failed", attempts=1, error=error))
    page.goto(save(told, tmp_path))
    expect(page.locator('#db-row-1 [title="1 call without a price"]')).to_have_text("?")
    page.click('[data-tab="Attempts"]')
    assert page.locator(".db-attempts pre").first.inner_text() == "one\ntwo"


def test_list_narrows_to_what_is_looked_for(opened: Page) -> None:
    """Searching and the filters leave the rows that match, and say so when there are none."""
    opened.click("text=Needs you")
    names = opened.locator(".db-name")
    expect(names).to_contain_text(["publish", "approve"])
    opened.fill(".db-search input", "publish")
    expect(opened.locator(".db-row")).to_have_count(1)
    opened.fill(".db-search input", "no such step")
    expect(opened.locator(".db-empty")).to_have_text("No execution matches.")


def test_long_history_keeps_few_rows_on_the_page(page: Page, tmp_path: Path) -> None:
    """20,000 events: only rows in view are elements, and scrolling shows the others."""
    told = story.long(5100)
    assert len(told.events) > 20_000
    page.goto(save(told, tmp_path))
    page.wait_for_selector("#db-row-5100")
    assert page.locator(".db-row").count() < 80
    page.locator(".db-scroll").evaluate("box => { box.scrollTop = 0 }")
    expect(page.locator("#db-row-1")).to_be_visible()
    page.click("#db-row-3")
    expect(page.locator(".db-panel")).to_contain_text("it has not run yet")


def test_list_shows_its_rows_again_after_it_was_hidden(new_page: NewPage, tmp_path: Path) -> None:
    """Hiding the page's content and showing it again, as changing JupyterLab's theme does, leaves
    the list where it was scrolled to."""
    page = new_page(1000, 420)
    page.goto(save(story.long(100), tmp_path))
    expect(page.locator("#db-row-100")).to_be_visible()
    frame = "requestAnimationFrame(() => requestAnimationFrame(done))"
    for display in ("none", "block"):
        page.evaluate(
            "display => new Promise(done => {"
            f"document.querySelector('.db-root').style.display = display; {frame} }})",
            display,
        )
    expect(page.locator("#db-row-100")).to_be_visible()
    expect(page.locator("#db-row-1")).to_have_count(0)


def test_table_stands_in_where_no_script_runs(new_page: NewPage, tmp_path: Path) -> None:
    """Without JavaScript the file still lists what happened."""
    page = new_page(java_script_enabled=False)
    page.goto(save(story.agent(), tmp_path))
    expect(page.locator("tr", has_text="file_tickets").first).to_contain_text("compensated")
