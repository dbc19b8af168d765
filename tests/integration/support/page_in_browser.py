"""Open a report in Chromium, work with it as a person does, and print what was seen as JSON.

It runs in an environment of its own, which has Playwright but not dlcctr. Arguments: SCENE PAGE FOLDER.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

NO_STORE = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
SORT = """
() => [...document.querySelectorAll('#head button:not([disabled])')].map((_, place) => {
    const began = performance.now();
    document.querySelectorAll('#head button:not([disabled])')[place].click();
    document.body.offsetHeight;
    return (performance.now() - began) / 1000;
})
"""
SEEN = "() => [...document.querySelectorAll('.video')].map(row => row.id)"
MARKS = "() => [...document.querySelectorAll('.video .mark')].slice(0, 5).map(mark => mark.innerText)"
CHOSEN = "() => document.querySelector('.video.chosen')?.id"
PLOT = "() => document.querySelector('.plots canvas').toDataURL()"
Seen = dict[str, Any]


def open_page(context: BrowserContext, file: Path, seen: Seen) -> Page:
    """Open a file, and note what it asks for, says and throws."""
    page = context.new_page()
    page.on("request", lambda request: seen.setdefault("requests", []).append(request.url[:200]))
    page.on("pageerror", lambda error: seen.setdefault("errors", []).append(str(error)))
    page.on("console", lambda message: seen.setdefault("errors", []).append(message.text[:300]))
    page.on("dialog", lambda dialog: (seen.setdefault("dialogs", []).append(dialog.message), dialog.accept()))
    page.goto(file.as_uri(), wait_until="commit")
    page.wait_for_selector(".video")
    return page


def big(browser: Browser, file: Path, folder: Path) -> Seen:
    """Times, keys, filters, zoom and export on a page with many videos."""
    seen: Seen = {"first_row_s": [], "sort_s": []}
    for _ in range(3):
        with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
            began = time.monotonic()
            page = open_page(context, file, seen)
            seen["first_row_s"].append(time.monotonic() - began)
            page.wait_for_load_state("load")
            seen["sort_s"].append(max(page.evaluate(SORT)))
    with browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True) as context:
        page = open_page(context, file, seen)
        page.wait_for_load_state("load")
        seen["rows_in_page"] = len(page.evaluate(SEEN))
        _use_keys(page, seen)
        _filter(page, seen)
        _zoom(page, seen)
        seen["exported"] = _export(page, folder)
        page.reload()
        page.wait_for_selector(".video .is-good")
        seen["count_after_reload"] = page.inner_text("#count")
        seen["rater_after_reload"] = page.input_value("#rater")
        page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
        seen["printed"] = page.locator("#print tbody tr").count()
    return seen


def _use_keys(page: Page, seen: Seen) -> None:
    press = page.keyboard.press
    seen["order"] = page.evaluate(SEEN)[:6]
    press("j")
    seen["after_j"] = page.evaluate(CHOSEN)
    press("k")
    press("g")
    seen["after_g"] = page.evaluate(CHOSEN)
    press("b")
    press("n")
    page.keyboard.type("tail\tis hidden g b u")
    press("Enter")
    press("u")
    press("u")
    press("k")
    press("x")
    seen["marks"] = page.evaluate(MARKS)
    press("?")
    seen["help"] = page.is_visible("#help")
    press("Escape")
    seen["help_after"] = page.is_visible("#help")
    page.fill("#rater", "Ada L.")
    page.press("#rater", "Enter")
    page.evaluate("() => document.activeElement.blur()")
    press("Home")
    began = time.monotonic()
    for _ in range(100):
        press("j")
    seen["step_s"] = (time.monotonic() - began) / 100
    press("Home")


def _filter(page: Page, seen: Seen) -> None:
    page.keyboard.press("/")
    page.keyboard.type("trial000")
    page.wait_for_function("() => document.getElementById('count').innerText.includes(' of ')")
    page.keyboard.press("Escape")
    seen["found"] = page.inner_text("#count")
    page.keyboard.press("a")
    page.locator(".heat button").first.click()
    seen["heat"] = page.inner_text("#count"), page.locator(".heat button").first.inner_text()
    page.keyboard.press("a")
    page.select_option("#flag", "none")
    seen["unflagged"] = page.inner_text("#count")
    page.keyboard.press("a")
    seen["all"] = page.inner_text("#count")


def _zoom(page: Page, seen: Seen) -> None:
    canvas = page.locator(".plots canvas").first
    canvas.scroll_into_view_if_needed()
    whole = page.evaluate(PLOT)
    page.keyboard.press("1")
    stretch = page.evaluate(PLOT)
    page.keyboard.press("0")
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 40)
    seen["readout"] = page.inner_text(".plots output")
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 40)
    page.mouse.up()
    page.mouse.move(5, 5)
    dragged = page.evaluate(PLOT)
    page.keyboard.press("0")
    seen["plots_differ"] = [whole != stretch, whole != dragged, dragged != stretch, whole == page.evaluate(PLOT)]
    seen["chosen"] = page.evaluate(CHOSEN)


def _export(page: Page, folder: Path) -> str:
    with page.expect_download() as download:
        page.keyboard.press("e")
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file.name


def hostile(browser: Browser, file: Path, folder: Path) -> Seen:
    """A page whose names want to be markup."""
    seen: Seen = {}
    with browser.new_context(accept_downloads=True) as context:
        page = open_page(context, file, seen)
        page.wait_for_load_state("load")
        for _ in range(5):
            page.keyboard.press("u")
        seen["text"] = page.inner_text("body")
        seen["strangers"] = page.locator("img[src='x'], script:not([type]) ~ script:not([type])").count()
        seen["exported"] = _export(page, folder)
    return seen


def no_store(browser: Browser, file: Path, folder: Path) -> Seen:
    """A browser that keeps nothing for a file."""
    seen: Seen = {}
    with browser.new_context(accept_downloads=True) as context:
        context.add_init_script(NO_STORE)
        page = open_page(context, file, seen)
        page.wait_for_load_state("load")
        seen["says_so"] = page.is_visible("#not-kept")
        page.keyboard.press("g")
        seen["count"] = page.inner_text("#count")
        seen["exported"] = _export(page, folder)
    return seen


def looks(browser: Browser, file: Path, folder: Path) -> Seen:
    """Screenshots, wide, narrow and dark; and whether anything sticks out at the side."""
    seen: Seen = {"overflow": {}, "shots": []}
    for name, width, scheme in (("wide", 1400, "light"), ("dark", 1400, "dark"), ("narrow", 390, "light")):
        with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
            page = open_page(context, file, seen)
            page.wait_for_load_state("load")
            seen["overflow"][name] = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            page.screenshot(path=folder / f"{name}-campaign.png")
            page.evaluate("() => document.getElementById('videos').scrollIntoView()")
            page.screenshot(path=folder / f"{name}-videos.png")
            if name == "narrow":
                page.locator(".video").nth(1).click()
                seen["panel"] = page.is_visible("#panel h2")
                page.screenshot(path=folder / f"{name}-video.png")
                page.click(".back")
                seen["panel_after"] = page.is_visible("#panel h2")
    return seen


SCENES: dict[str, Callable[[Browser, Path, Path], Seen]] = {
    "big": big,
    "hostile": hostile,
    "no_store": no_store,
    "looks": looks,
}


def main() -> None:
    """Play one scene."""
    scene, file, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    with sync_playwright() as playwright:
        # as root, as in a container, Chromium starts only without its sandbox; it opens nothing but our own file
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        seen = SCENES[scene](browser, file, folder)
        browser.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
