"""One person at a browser of their own: what they do, what they see, and what the console says meanwhile."""

import contextlib
import re
import time

from playwright.sync_api import TimeoutError as TooLate

from settings import Wrong, demand

DEVICES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True,
              "has_touch": True},
}
# Tells the console of each thing that the page's policy forbade, in words that do not change with the browser.
REPORT_VIOLATIONS = """document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
QUICK = 30  # seconds that a click or an ordinary request may take


class Visitor:
    def __init__(self, browser, settings, name, device="desktop", cable=None):
        self.settings, self.name, self.device, self.cable = settings, name, device, cable
        self.context = browser.new_context(locale="en-GB", proxy=cable and cable.proxy, **DEVICES[device])
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * QUICK)
        self.network = self.context.new_cdp_session(self.page)
        self.complaints, self.tolerated = [], []
        self.sent = []  # what went to Custode: (method, address, headers)
        self.token = None  # that the page calls the API with
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complain(f"{error}"))
        self.page.on("request", self.saw_request)

    def close(self):
        self.context.close()

    # What the browser tells.

    def heard(self, message):
        if message.type == "error":
            self.complain(f"{message.text} ({message.location.get('url', '')})")

    def complain(self, text):
        if not any(pattern.search(text) for pattern in self.tolerated):
            self.complaints.append(re.sub(r"(/[ou]/)[^/\s)]+", r"\1…", text))

    def saw_request(self, request):
        headers = request.headers
        if request.url.startswith(self.settings.custode_url + "/"):
            self.sent.append((request.method, request.url, headers))
        elif request.url.startswith(self.settings.page_url + "/saas/") and "authorization" in headers:
            self.token = headers["authorization"].removeprefix("Bearer ")

    @contextlib.contextmanager
    def tolerating(self, *patterns):
        """Errors in the console that belong to what is being tried."""
        before = self.tolerated
        self.tolerated = [*before, *map(re.compile, patterns)]
        yield
        self.rest(0.5)  # what the console says comes late
        self.tolerated = before

    def demand_silence(self):
        self.rest(0.1)
        demand(not self.complaints, f"the console of {self.name} says: " + "; ".join(self.complaints))

    # What they do.

    def go(self, where=""):
        self.page.goto(self.settings.page_url + "/" + where, timeout=self.settings.left(QUICK))

    def rest(self, seconds):
        self.page.wait_for_timeout(1000 * seconds)

    def click(self, selector):
        self.see(selector)
        self.page.click(selector, timeout=self.settings.left(QUICK))

    def limit(self, upload_rate=-1):
        """How fast it can send, in bytes a second; unless said, as fast as it likes."""
        self.network.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload_rate})

    def lose_network(self, noticed):
        """Connections break. The browser may notice, as when there is no Wi-Fi, or may not."""
        self.cable.cut()
        if noticed:
            self.context.set_offline(True)

    def find_network(self):
        self.cable.mend()
        self.context.set_offline(False)

    # What they see.

    def see(self, selector, seconds=QUICK):
        """Waits until it can be seen."""
        try:
            return self.page.wait_for_selector(selector, state="visible", timeout=self.settings.left(seconds))
        except TooLate:
            raise Wrong(f"{self.name} does not see {selector}{self.instead()}") from None

    def until(self, expression, sentence, seconds=QUICK):
        """Waits until the JavaScript expression holds. The page's policy does not let it ask by itself."""
        end = time.monotonic() + self.settings.left(seconds) / 1000
        while not self.page.evaluate(expression):
            demand(time.monotonic() < end, sentence + self.instead())
            self.rest(0.05)

    def sees(self, selector):
        return self.page.locator(selector).filter(visible=True).count() > 0

    def text(self, selector="main"):
        return self.page.locator(selector).first.inner_text()

    def instead(self):
        """What there is to see when something is missing."""
        try:
            words = " ".join(self.page.locator("body").inner_text(timeout=2000).split())
        except Exception:  # then the sentence has to do without
            words = ""
        return f"; there is: {words[:400]}" if words else ""

    def percent(self):
        return self.page.eval_on_selector("#progress", "bar => 100 * bar.value / bar.max")

    def until_sent(self, percent):
        self.until(f"(bar => bar && bar.value / bar.max >= {percent / 100})(document.querySelector('#progress'))",
                   f"the upload does not get to {percent} %", seconds=None)

    def still(self, seconds):
        """How far the upload is, having seen that it does not move."""
        self.rest(0.7)  # until the bar shows the last that was sent
        before = self.percent()
        for _ in range(4):
            self.rest(seconds / 4)
            after = self.percent()
            demand(after == before, f"the upload should stand still, and went from {before:.2f} to {after:.2f} %")
        return before

    def look(self, screen):
        """Takes a picture, and makes sure that nothing is wider than the screen and nobody complained."""
        path = self.settings.screenshots / f"{screen}-{self.device}.png"
        self.page.screenshot(path=path, full_page=not self.sees("dialog[open]"))
        width = DEVICES[self.device]["viewport"]["width"]
        inner, scroll = self.page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        # A phone zooms out of a page that is too wide, so that its innerWidth grows with it.
        demand(inner == width and scroll <= inner, f"{screen}: of {width} pixels' width it takes {max(inner, scroll)}")
        self.demand_silence()
