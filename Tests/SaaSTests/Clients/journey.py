"""Walks the whole page as people would, in headless Chromium, and fails on the first thing that is wrong.

Alice signs in, buys credits and sends a large recording; she pauses it, goes on, and loses the network, after which it
goes on by itself. She fetches transcript and recording. Bob sees nothing of it. A phone shows each screen; one walk
uses the keyboard alone. In the end Alice deletes her job, and her links are dead. settings.py says what it is told.
"""

import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

import interruptions
import keyboard
import recording
import steps
from network import Network
from settings import Settings, Wrong, demand
from visitor import Visitor

SMALL = 1024 * 1024
# On a phone it must not push the page's edge outwards.
LONG_NAME = "an-interview-without-a-single-space-in-its-name-" + "and-on-it-goes-" * 6 + ".wav"


def alice_sends(alice, settings, large):
    """The id of her job, and a link to her recording."""
    steps.sign_in(alice, settings.alice)
    steps.buy(alice, 100)
    job = interruptions.upload(alice, large)
    alice.look("job")
    path, _ = steps.download(alice, "transcript")
    steps.check_transcript(path, large)
    path, link = steps.download(alice, "input")
    demand(recording.sha256_of(path) == large.sha256, "the recording that came back has another SHA-256")
    demand(link.startswith(settings.custode_url), f"the download came from {link.split('?')[0]}, not from Custode")
    alice.page.reload()
    steps.until_done(alice, job)
    steps.open_jobs(alice, job)
    alice.click(f'[data-job="{job}"]')
    steps.until_done(alice, job)
    return job, link


def bob_looks(bob, settings, job, address):
    """He sees nothing of Alice's, not even with the address of her job."""
    steps.sign_in(bob, settings.bob)
    api = f"{settings.page_url}/saas/jobs/{job}"
    with bob.tolerating(r"status of 404.*/saas/jobs/"):
        with bob.page.expect_response(lambda answer: answer.url.startswith(api)) as awaited:
            bob.page.evaluate("hash => { location.hash = hash; }", address)
        demand(awaited.value.status == 404, f"Bob gets {awaited.value.status} for Alice's job")
        steps.until_told(bob)
    bob.look("not-found")
    demand(not bob.sees("[data-download]") and not bob.sees("#delete"), "Bob is offered what is Alice's")


def phone_walks(phone, settings, small):
    """The screens again, where there is little room."""
    steps.sign_in(phone, settings.bob)
    phone.limit(small.size / 8)
    steps.open_new(phone)
    job = steps.begin(phone, small)
    phone.until_sent(5)
    phone.look("sending")
    phone.click("#pause")
    phone.see("#resume")
    phone.look("paused")
    phone.click("#cancel")
    phone.see("dialog[open]")
    phone.look("cancel")
    phone.page.keyboard.press("Escape")
    phone.click("#resume")
    phone.limit()
    steps.until_done(phone, job)
    phone.look("job")
    steps.open_jobs(phone, job)
    unknown = job[:-1] + ("0" if job[-1] != "0" else "1")
    with phone.tolerating(r"status of 404.*/saas/jobs/"):
        phone.go(f"#/jobs/{unknown}")
        steps.until_told(phone)
    phone.look("not-found")
    phone.go(f"#/jobs/{job}")
    steps.until_done(phone, job)
    steps.delete(phone, job)
    steps.sign_out(phone)


def walk(browser, settings, folder, visitors):
    def visitor(name, device="desktop", cable=None):
        visitors.append(Visitor(browser, settings, name, device, cable))
        return visitors[-1]

    large = recording.make(folder / "talk.wav", settings.file_bytes, seed=1)
    small = recording.make(folder / "memo.wav", SMALL, seed=2)
    long_named = recording.make(folder / LONG_NAME, SMALL, seed=3)
    alice = visitor("Alice", cable=Network())
    job, link = alice_sends(alice, settings, large)
    address = alice.page.evaluate("location.hash")
    bob_looks(visitor("Bob"), settings, job, address)
    phone_walks(visitor("Bob on a phone", "phone"), settings, long_named)
    keyboard.walk(visitor("Bob at the keyboard"), settings.bob, small)
    steps.delete(alice, job)
    steps.demand_gone(link)
    steps.sign_out(alice)
    for each in visitors:
        each.demand_silence()
    return {"job": job, "bytes": large.size, "sha256": large.sha256}


def main():
    began, visitors = time.monotonic(), []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it was told to stop"))
    try:
        settings = Settings.read()
        chromium = shutil.which("chromium")
        demand(chromium, "there is no chromium")
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"],
                downloads_path=folder)
            try:
                facts = walk(browser, settings, Path(folder), visitors)
            except Exception:
                for visitor in visitors:
                    picture = settings.screenshots / f"failed-{visitor.name.replace(' ', '-').lower()}.png"
                    try:
                        visitor.page.screenshot(path=picture, timeout=5000)
                    except Error:
                        pass
                raise
            finally:
                browser.close()
    except (Wrong, Error, ValueError) as wrong:
        said = [text for visitor in visitors for text in visitor.complaints if text not in str(wrong)]
        print("\n".join([str(wrong), *(f"the console: {text}" for text in said)]), file=sys.stderr)
        sys.exit(1)
    print(json.dumps({**facts, "seconds": round(time.monotonic() - began, 1)}))


if __name__ == "__main__":
    main()
