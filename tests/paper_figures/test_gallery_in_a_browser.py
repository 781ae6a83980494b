"""The page of all figures in a real browser: it loads from the file system and nowhere else, can be
used by keyboard and on a phone, and can be read in light and dark."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.paper_figures import toy_gallery

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is installed"
)

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# WCAG 2.1, success criterion 1.4.3 (AA): contrast of text of ordinary size.
LEAST_CONTRAST = 4.5

# Text of every visible element with its contrast by WCAG's relative luminance. No colour of the
# page is translucent, so that the background is the nearest one that is not transparent.
CONTRASTS = """
() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('');
    if (!own.trim() || !element.checkVisibility()) continue;
    const shades = [parts(getComputedStyle(element).color), background(element)].map(luminance);
    const [dark, light] = shades.sort((a, b) => a - b);
    found.push([own.trim(), (light + 0.05) / (dark + 0.05)]);
  }
  return found;
}
"""

# Whether an element that has the focus shows it.
FOCUSED = """
() => {
  const it = document.activeElement, box = it.getBoundingClientRect(), look = getComputedStyle(it);
  return {
    name: it.tagName, href: it.getAttribute('href'), text: it.innerText,
    outlined: look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0,
    inside: box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight,
  };
}
"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return toy_gallery.write(tmp_path_factory.mktemp("gallery"))[0]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, page_file):
    """Opens the page; with what went wrong and what was asked for."""
    contexts = []

    def visit(viewport=WIDE, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.troubles, page.requests = [], []
        page.on("console", lambda message: page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("requestfailed", lambda request: page.troubles.append(request.url))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(page_file.as_uri(), wait_until="load")
        return page

    yield visit
    for context in contexts:
        context.close()


def test_it_loads_without_a_complaint_and_without_a_network(visit, page_file):
    page = visit()
    page.wait_for_load_state("networkidle")
    assert page.troubles == []
    assert page_file.as_uri() in page.requests
    assert len(page.requests) > 7  # the page and its pictures
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data"}


def test_all_pictures_load_at_their_size(visit):
    pictures = visit().evaluate(
        "() => [...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight,"
        " i.getBoundingClientRect().width, i.getBoundingClientRect().height])"
    )
    assert len(pictures) == 7
    for complete, width, height, shown_width, shown_height in pictures:
        assert complete
        assert width > 0
        # Heights are rounded to whole pixels.
        assert shown_width / shown_height == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize("viewport", [PHONE, WIDE, {"width": 700, "height": 900}])
def test_nothing_is_wider_than_the_screen(visit, viewport):
    page = visit(viewport)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("viewport", [PHONE, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(visit, viewport, scheme):
    page = visit(viewport, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [each for each in contrasts if each[1] < LEAST_CONTRAST] == []


def test_dark_is_dark_and_pictures_stay_on_white(visit):
    def colours(scheme):
        return visit(scheme=scheme).evaluate(
            "() => ['body', '.picture'].map(s => getComputedStyle(document.querySelector(s)))"
            ".flatMap(style => style.backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
        )

    light, dark = colours("light"), colours("dark")
    assert min(light[:3]) > 240
    assert max(dark[:3]) < 40
    assert light[3:] == dark[3:] == [255, 255, 255]


def tabbed(page, times):
    """What has the focus after each press of the key."""
    found = []
    for _ in range(times):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUSED))
    return found


def test_the_contents_come_first_by_keyboard_and_lead_to_the_figures(visit):
    page = visit()
    anchors = page.evaluate(
        "() => [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"
    )
    found = tabbed(page, 2 + len(anchors))
    assert found[0]["href"] == "#figures"  # past the contents
    assert found[1]["href"].startswith("https://arxiv.org/")
    assert [each["href"] for each in found[2:]] == anchors
    assert all(each["outlined"] and each["inside"] for each in found)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith(anchors[-2])
    assert page.locator(anchors[-2]).is_visible()


def test_the_contents_can_be_skipped(visit):
    page = visit()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    (first,) = tabbed(page, 1)
    assert first["href"] == "second.png"


def test_no_element_keeps_the_focus(visit):
    page = visit()
    seen = [each["name"] for each in tabbed(page, 200)]
    # After the last link the page's end is reached, and then it starts again.
    assert "BODY" in seen
    assert seen.count("SUMMARY") >= 7
    assert all(each["outlined"] for each in tabbed(page, 30) if each["name"] != "BODY")


def test_enter_opens_the_full_size_and_the_details(visit, page_file):
    page = visit()
    page.locator("#second summary").first.focus()
    assert not page.locator("#second math").first.is_visible()
    page.keyboard.press("Enter")
    assert page.locator("#second math").first.is_visible()
    page.locator("#second .picture").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/second.png")
    assert page.evaluate("document.images[0].naturalWidth") > 1500


def test_numbers_can_be_downloaded(visit):
    page = visit()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").first.click()
    assert waiting.value.suggested_filename == "second.csv"


def test_figures_have_their_names_for_those_who_do_not_see(visit):
    page = visit()
    names = [*toy_gallery.FIGURES, *toy_gallery.MISSING]
    assert page.get_by_role("article").count() == len(names)
    assert page.get_by_role("article", name="Second Figure 2 of the paper").count() == 1
    assert page.get_by_role("main").count() == page.get_by_role("navigation").count() == 1
    picture = page.get_by_role("article", name="Escaped words").get_by_role("img")
    assert picture.get_attribute("alt") == toy_gallery.FIGURES["escaped_words"].caption


def test_print_shows_the_figures_and_leaves_out_what_is_for_the_screen(visit):
    page = visit()
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert page.locator("#second img").is_visible()
    assert page.locator("#second figcaption").is_visible()
