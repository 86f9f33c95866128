"""What a person does on the page, with the mouse or a finger."""

import re

import wire
from settings import demand


def sign_in(visitor, email):
    visitor.go()
    visitor.see("#sign-in")
    visitor.look("sign-in")
    visitor.click("#sign-in")
    visitor.see("#email")
    visitor.look("login")
    visitor.page.fill("#email", email)
    visitor.click("#continue")
    see_no_jobs(visitor, "is somebody new")
    visitor.look("jobs-empty")


def see_no_jobs(visitor, because):
    """The list is there, and there is nothing in it."""
    visitor.see("#sign-out")
    visitor.see("#new-job")
    visitor.until("document.querySelector('#credits')?.textContent.trim()", "the credits are not shown")
    rows = visitor.page.locator("[data-job]").count()
    demand(rows == 0, f"{visitor.name} {because}, and should see an empty list: there are {rows} jobs")


def buy(visitor, credits):
    """Pays for a pack at the payment's own page, and sees the credits come in."""
    count = "parseInt(document.querySelector('#credits').textContent, 10)"
    before = visitor.page.evaluate(count)
    visitor.click(f'[data-pack="{credits}"]')
    visitor.see("#pay")
    visitor.click("#pay")
    visitor.see("#sign-out")
    visitor.until(f"{count} === {before + credits}", f"{credits} credits were paid for and did not come")
    visitor.look("paid")


def open_new(visitor):
    visitor.click("#new-job")
    visitor.see("#file")
    visitor.until("document.querySelector('#type')?.options.length", "there is no type of job to choose")


def begin(visitor, recording, kind="transcription"):
    """Chooses the file and starts; the id of the job."""
    visitor.page.set_input_files("#file", recording.path)
    visitor.page.select_option("#type", kind)
    visitor.look("new")
    return started(visitor, lambda: visitor.click("#start"))


def started(visitor, start):
    """Does what starts an upload; the id of its job, from the API's answer."""
    with visitor.page.expect_response(lambda answer: answer.request.method == "POST") as awaited:
        start()
    answer = awaited.value
    demand(answer.status == 201, f"POST {answer.url} answers {answer.status}: {answer.text()[:300]}")
    return answer.json()["job"]["id"]


def open_jobs(visitor, job):
    """The list, with this job in it."""
    visitor.go("#/jobs")
    visitor.see(f'[data-job="{job}"]')
    visitor.until("document.querySelector('#credits')?.textContent.trim()", "the credits are not shown")
    visitor.look("jobs")


def until_told(visitor):
    visitor.until("/not found|no such|does not exist/i.test(document.querySelector('main').innerText)",
                  f"{visitor.name} is not told that there is no such job")


def until_done(visitor, job):
    """Waits until the job's own screen offers the transcript, and asks the API whether that is so."""
    visitor.see('[data-download="transcript"]', seconds=None)
    demand(job in visitor.page.url, f"the screen should be that of job {job}, and is {visitor.page.url}")
    status, _, answer = wire.call(f"{visitor.settings.page_url}/saas/jobs/{job}", visitor.token)
    demand(status == 200 and answer["job"]["status"] == "done", f"the API says of the job: {status} {answer}")


def download(visitor, which, start=None):
    """Fetches one file of the job that is on the screen: its path, and the link it came from."""
    timeout = visitor.settings.left()
    with visitor.page.expect_download(timeout=timeout) as awaited:
        (start or (lambda: visitor.click(f'[data-download="{which}"]')))()
    return awaited.value.path(), awaited.value.url


def check_transcript(path, recording):
    text = path.read_text(encoding="utf-8")
    demand(re.search(rf"\b{recording.size}\b", text), f"the transcript should say {recording.size} bytes: {text[:300]}")


def delete(visitor, job):
    """From the job's screen, through the question whether it is meant."""
    visitor.click("#delete")
    visitor.see("#confirm-delete")
    visitor.look("delete")
    visitor.click("#confirm-delete")
    see_deleted(visitor, job)


def see_deleted(visitor, job):
    see_no_jobs(visitor, "deleted the only job")
    status, _, _ = wire.call(f"{visitor.settings.page_url}/saas/jobs/{job}", visitor.token)
    demand(status == 404, f"the API should answer 404 for a deleted job, and answers {status}")


def demand_gone(link):
    status, _, _ = wire.call(link)
    demand(status in (404, 410), f"the link of a deleted job should answer 404 or 410, and answers {status}")


def sign_out(visitor):
    with visitor.page.expect_navigation(url=lambda url: url.startswith(visitor.settings.page_url)):
        visitor.click("#sign-out")  # by way of the login, and back
    visitor.see("#sign-in")
    kept = visitor.page.evaluate("Object.keys(sessionStorage).length + Object.keys(localStorage).length")
    demand(kept == 0, "after signing out the browser still keeps something")
    visitor.demand_silence()
