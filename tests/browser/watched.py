"""A page in a browser, with its requests and its errors."""

from pathlib import Path

AXE = (Path(__file__).parent / "axe.min.js").read_text()


def watched(browser, url, **options):
    """A page at an address, the requests that it makes, and what its console says."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}).new_page()
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(url)
    return page, requests, messages


def serious_violations(page):
    """What axe finds serious or worse: the rule and the element."""
    page.evaluate(AXE)
    violations = page.evaluate("axe.run()")["violations"]
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    return [(one["id"], one["nodes"][0]["html"], one["nodes"][0]["any"][:1]) for one in serious]


def until(page, true):
    """Waits until an expression of the page, or a function here, is true.

    The page's policy forbids what `wait_for_function` does.
    """
    for _ in range(800):
        if true() if callable(true) else page.evaluate(true):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"{true} isn't true")
