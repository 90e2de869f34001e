"""The page in a real browser, without any network."""

import json
import re
import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api")

PHONE = {"width": 360, "height": 700}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        try:
            made = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox"],  # it reads one file of our own
            )
        except sync_api.Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield made
        made.close()


@pytest.fixture(scope="module")
def wrong():
    """What went wrong in any tab: requests, errors, dialogs."""
    return []


@pytest.fixture(scope="module")
def opened(browser, page, wrong):
    """A function that opens the page in a tab of its own."""

    def answer(route):
        if route.request.url == page.as_uri():
            route.continue_()
        else:
            wrong.append(route.request.url)
            route.abort()

    def open_page(**options):
        tab = browser.new_context(**options).new_page()
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.route("**/*", answer)
        tab.goto(page.as_uri())
        return tab

    return open_page


@pytest.fixture(scope="module")
def tab(opened):
    """The page on a desktop, as other tests left it."""
    return opened()


@pytest.fixture(autouse=True)
def nothing_wrong(wrong):
    """No network was asked for, and the console stayed empty."""
    yield
    assert wrong == []


def test_figures_are_drawn_and_series_switched_off(tab, study):
    assert tab.locator(".plot .main-svg").count() >= 9
    entries = tab.locator("#figure-1 .legend .legendtext").all_text_contents()
    labels = [design.label for design in study.designs]
    assert entries == [f"{name}, {what}" for name in labels for what in ("median", "worst")]
    before = tab.locator("#figure-1 .scatterlayer .trace").count()
    tab.locator("#figure-1 .legend .legendtoggle").first.click()
    # its line and its band
    sync_api.expect(tab.locator("#figure-1 .scatterlayer .trace")).to_have_count(before - 2)
    tab.locator("#figure-1 .legend .legendtoggle").first.click()
    sync_api.expect(tab.locator("#figure-1 .scatterlayer .trace")).to_have_count(before)


def test_pointing_at_a_line_shows_its_values(tab, study):
    tab.locator("#figure-1").scroll_into_view_if_needed()
    point = tab.locator("#figure-1 .scatterlayer .trace .points path").first
    box = point.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + 30)
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    label = tab.locator("#figure-1 .hoverlayer .hovertext")
    sync_api.expect(label).to_contain_text(study.designs[0].label)
    median = tab.evaluate(
        "JSON.parse(document.getElementById('figure-1-data').textContent).data[1].y[0]"
    )
    lines = label.locator("tspan.line").all_text_contents()
    shown = float(re.search(r"mean ([−-]?[\d.]+)", "\n".join(lines))[1].replace("−", "-"))
    assert shown == pytest.approx(median, rel=1e-3)  # four digits are shown


def test_heat_map_shows_values_too(tab):
    plot = tab.locator("#figure-6 .nsewdrag")
    plot.scroll_into_view_if_needed()
    plot.hover()
    label = tab.locator("#figure-6 .hoverlayer .hovertext")
    sync_api.expect(label).to_contain_text(re.compile(r"word line \d+.*bit line \d+.*S"))


def test_zoom_changes_the_axes_and_a_double_click_brings_them_back(tab):
    area = tab.locator("#figure-1 .nsewdrag")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    extent = "document.getElementById('figure-1').layout.xaxis.range.slice()"
    before = tab.evaluate(extent)
    tab.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    tab.mouse.up()
    tab.wait_for_function(f"{extent}[1] < {before[1]}")
    tab.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    tab.wait_for_function(f"{extent}[1] === {before[1]}")


def test_buttons_send_nothing_away_and_one_saves_the_figure(tab):
    titles = tab.locator("#figure-1 .modebar-btn").evaluate_all(
        "buttons => buttons.map(button => button.dataset.title)"
    )
    assert titles == ["Download plot", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
    tab.locator("#figure-1").hover()
    with tab.expect_download() as download:
        tab.locator("#figure-1 .modebar-btn").first.click()
    assert download.value.suggested_filename == "figure-1.svg"


def test_click_on_a_heading_sorts_the_table(tab):
    table = tab.locator("#run-1-results table.sortable").first
    column = table.locator("thead th").all_text_contents().index("weight median bits")
    cells = table.locator(f"tbody tr > :nth-child({column + 1})")
    heading = table.locator("thead th").nth(column)
    for order, reverse in (("ascending", False), ("descending", True)):
        heading.get_by_role("button").click()
        values = [float(text) for text in cells.all_text_contents()]
        assert values == sorted(values, reverse=reverse)
        assert heading.get_attribute("aria-sort") == order


def test_phone_needs_no_sideways_scrolling(opened):
    tab = opened(viewport=PHONE, is_mobile=True, has_touch=True)
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    boxes = [plot.bounding_box() for plot in tab.locator(".plot .main-svg").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)
    tables = tab.locator(".scroll")
    assert tables.first.evaluate("box => getComputedStyle(box).overflowX") == "auto"
    assert tab.evaluate("document.getElementById('figure-1').layout.dragmode") is False


def test_without_scripts_the_pictures_are_there(opened):
    tab = opened(java_script_enabled=False)
    assert tab.locator("img.static").first.is_visible()
    assert not tab.locator(".plot").first.is_visible()


def test_text_is_dark_on_white(tab):
    colors = tab.evaluate(
        """[...document.querySelectorAll('p, th, td, a, h1, h2, caption, figcaption, summary')]
        .filter(node => !node.closest('.plotly-notifier'))  // plotly's tips have their own
        .map(node => getComputedStyle(node).color)"""
    )
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for color in set(colors):
        assert contrast(json.loads(f"[{color[color.index('(') + 1 : -1]}]")) >= 4.5, color


def test_paper_gets_pictures_in_place_of_plots(tab):
    """The last one of this tab: it stays as it is for paper."""
    tab.emulate_media(media="print")
    assert all(not plot.is_visible() for plot in tab.locator(".plot").all())
    images = tab.locator("img.static").all()
    assert len(images) == 9
    for image in images:
        assert image.is_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
    assert not tab.locator("nav").is_visible()
    printed = tab.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3


def contrast(rgb):
    """Contrast of a colour with white, WCAG 2.2."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in rgb)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)
