#!/usr/bin/env python3
"""A person's browser for the tests: Debian's Chromium, headless, driven through Playwright.

    browser.py [--width N] [--height N] [--dark] [--chromium PATH] TARGET [VERB ARGUMENT]...

TARGET is a URL or a file. The steps are done in order:

    click SELECTOR    click the one element that matches (waits until it can be clicked)
    fill SELECTOR=TEXT  type TEXT into the one field that matches
    wait SELECTOR     wait until such an element is visible
    reload page       open it anew, and wait until it is loaded
    js EXPRESSION     evaluate JavaScript; its value, as JSON, is in the report
    text SELECTOR     the visible text of the one element that matches, in the report
    press KEY         as on the keyboard
    heard SELECTOR    what a screen reader gets of the element: roles, names, levels
    shot FILE         a picture of the whole page (PNG)
    pdf FILE=PAPER    the page as it is printed, on A4 or Letter

One JSON document on standard output:

    title     of the page at the end
    url       where it ended
    steps     [{"verb", "argument", "value"}]
    requests  [{"method", "url"}], all of them, the document first
    external  the URLs among them that leave the page: another origin, or, for a file, anything else. They are
              refused before they reach the network, so a test that asserts "none" sends none either.
    errors    uncaught exceptions and console errors of the page
    overflow  [{"element", "why"}]: what sticks out of the page, its box or its picture at the end

Exit code 0 when every step worked, 1 with the reason on standard error when one did not.
"""

import argparse
import json
import pathlib
import sys
from urllib.parse import urlsplit

from playwright.sync_api import Error, sync_playwright

# A browser that talks to nobody but the page's server: no update checks, no telemetry, no QUIC.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STEP_TIMEOUT_MS = 30_000

# Runs in the page. A box that scrolls may hold more than it shows; any other may not.
OVERFLOW = """() => {
  const found = [];
  const page = document.documentElement.clientWidth;
  const name = (e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '')
    + [...e.classList].map((c) => '.' + c).join('')
    + (e.children.length ? '' : ' "' + e.textContent.trim().slice(0, 40) + '"');
  const scrolls = (e) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
  const inScroller = (e) => {
    for (let up = e.parentElement; up && up !== document.documentElement; up = up.parentElement)
      if (scrolls(up)) return true;
    return false;
  };
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    // One pixel or less: hidden, or there for a screen reader alone.
    if (box.width <= 1 || box.height <= 1 || getComputedStyle(e).visibility === 'hidden') continue;
    const svg = e.ownerSVGElement;
    if (svg) {
      if (e.closest('defs, marker, clipPath, mask, pattern, symbol')) continue;
      const frame = svg.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1
        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        found.push({ element: name(e), why: 'out of its picture' });
      continue;
    }
    if (inScroller(e)) continue;
    if (box.left < -1 || box.right > page + 1)
      found.push({ element: name(e), why: `past the page: ${Math.round(box.left)} to ${Math.round(box.right)} of ${page}` });
    const style = getComputedStyle(e);
    if (style.display !== 'inline' && !scrolls(e) && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
      found.push({ element: name(e), why: `content past its box: ${e.scrollWidth} in ${e.clientWidth}` });
  }
  return found;
}"""


def main():
    args = parse()
    target = args.target if "://" in args.target else pathlib.Path(args.target).resolve(strict=True).as_uri()
    report = {"steps": [], "requests": [], "external": [], "errors": []}
    with sync_playwright() as playwright:
        # Without a profile named, Playwright makes a fresh one and removes it.
        browser = playwright.chromium.launch(
            executable_path=args.chromium, headless=True, chromium_sandbox=False, args=FLAGS
        )
        # The lab's own root is in no browser's store: its pages are opened all the same.
        context = browser.new_context(
            viewport={"width": args.width, "height": args.height},
            color_scheme="dark" if args.dark else "light",
            ignore_https_errors=True,
        )
        context.set_default_timeout(STEP_TIMEOUT_MS)
        page = context.new_page()
        watch(page, target, report)
        page.goto(target, wait_until="load")
        for verb, argument in args.steps:
            value = STEPS[verb](page, argument)
            report["steps"].append({"verb": verb, "argument": argument, "value": value})
        page.wait_for_load_state("networkidle")
        report["title"] = page.title()
        report["url"] = page.url
        report["overflow"] = page.evaluate(OVERFLOW)
        browser.close()
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    print()


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("target")
    parser.add_argument("steps", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    verbs, arguments = args.steps[::2], args.steps[1::2]
    unknown = [verb for verb in verbs if verb not in STEPS]
    if unknown or len(verbs) != len(arguments):
        parser.error(f"steps are pairs of a verb ({', '.join(STEPS)}) and an argument: {args.steps}")
    args.steps = list(zip(verbs, arguments))
    return args


def watch(page, target, report):
    """Notes every request, and refuses the ones that leave the page."""

    def on_request(route):
        request = route.request
        report["requests"].append({"method": request.method, "url": request.url})
        if leaves(target, request.url):
            report["external"].append(request.url)
            route.abort()
        else:
            route.continue_()

    page.context.route("**/*", on_request)
    page.context.route_web_socket("**/*", lambda socket: report["external"].append(socket.url))
    page.on("pageerror", lambda error: report["errors"].append(str(error)))
    page.on("console", lambda said: said.type == "error" and report["errors"].append(said.text))


def leaves(target, url):
    """Whether a request goes to anybody but the page's own server, or, from a file, anywhere at all."""
    home, there = urlsplit(target), urlsplit(url)
    if there.scheme in ("data", "blob", "about"):
        return False
    if home.scheme == "file":
        return url.split("#")[0] != target.split("#")[0]
    return (there.scheme, there.netloc) != (home.scheme, home.netloc)


def fill(page, argument):
    # The last `=` separates: a selector may hold one, `input[name=reason]=no`.
    selector, _, text = argument.rpartition("=")
    page.locator(selector).fill(text)


def shot(page, file):
    page.screenshot(path=file, full_page=True)


def reload(page, _):
    page.reload(wait_until="load")


def pdf(page, argument):
    file, _, paper = argument.rpartition("=")
    page.pdf(path=file, format=paper)


STEPS = {
    "click": lambda page, selector: page.locator(selector).click(),
    "fill": fill,
    "wait": lambda page, selector: page.locator(selector).first.wait_for(),
    "js": lambda page, expression: page.evaluate(expression),
    "text": lambda page, selector: page.locator(selector).inner_text(),
    "press": lambda page, key: page.keyboard.press(key),
    "heard": lambda page, selector: page.locator(selector).aria_snapshot(),
    "reload": reload,
    "shot": shot,
    "pdf": pdf,
}


if __name__ == "__main__":
    try:
        main()
    except (Error, OSError) as error:
        sys.exit(f"browser.py: {error}")
