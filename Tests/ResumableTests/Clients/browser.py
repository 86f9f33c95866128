"""Opens page.html in headless Chromium: a tus upload from another origin, aborted half-way and resumed.

CUSTODE_URL  where the server listens
TOKEN        the token of an upload link, which the page sends as its only credential
PAGE_PORT    the page's origin is http://127.0.0.1:PAGE_PORT; the server's CORS must allow it
SIZE         bytes to upload (8 MiB unless said); they are sent within about three seconds
"""

import functools
import http.server
import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from urllib.parse import urlencode

import settings

PORT = int(settings.need("PAGE_PORT"))
SIZE = int(os.environ.get("SIZE", 8 * 1024 * 1024))
DEADLINE = time.monotonic() + 50


class Page(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve():
    folder = os.path.dirname(os.path.abspath(__file__))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), functools.partial(Page, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Browser:
    """Chromium, spoken to over a pair of pipes: each message is JSON, ended by a NUL byte."""

    def __init__(self, profile):
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        # The browser wants its pipes as file descriptors 3 and 4.
        start = f'exec "$@" 3<&{commands} 4>&{answers}'
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        arguments = ["chromium", *flags, "--disable-breakpad", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", start, "bash", *arguments],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        self.pending = b""
        self.last = 0

    def ask(self, method, session=None, **parameters):
        """Sends one command of the DevTools protocol and waits for its result."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.last:
                settings.demand("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]

    def read(self):
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.answers], [], [], max(0, DEADLINE - time.monotonic()))
            settings.demand(ready, "the page was not done within 50 seconds")
            data = os.read(self.answers, 65536)
            settings.demand(data, "chromium ended by itself")
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def close(self):
        """Asks the browser to end, then makes sure of everything it started: they are one process group."""
        try:
            os.write(self.commands, b'{"id": 0, "method": "Browser.close"}\0')
            self.process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def upload(browser):
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.ask("Network.enable", session)
    # Slow enough that there is a half-way at which to abort.
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SIZE / 2}
    browser.ask("Network.emulateNetworkConditions", session, **limits)
    query = urlencode({"server": settings.need("CUSTODE_URL").rstrip("/"), "token": settings.need("TOKEN"), "size": SIZE})
    browser.ask("Page.navigate", session, url=f"http://127.0.0.1:{PORT}/page.html?{query}")
    wait = {"awaitPromise": True, "returnByValue": True}
    while True:
        result = browser.ask("Runtime.evaluate", session, expression="typeof outcome == 'object' ? outcome : null", **wait)
        if result["result"].get("value"):
            return result["result"]["value"]
        settings.demand(time.monotonic() < DEADLINE, "the page did not load")
        time.sleep(0.1)


serve()
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(profile)
    try:
        facts = upload(browser)
    finally:
        browser.close()
settings.demand("failure" not in facts, f"the page says: {facts.get('failure')}")
settings.succeed(**facts)
