"""The whole way with the keyboard alone: Tab, Enter and what is typed."""

import steps
from settings import demand

PRESSES = 60  # more than there is to step through on any screen


def tab_to(visitor, selector):
    """Steps there with Tab, and sees where the focus is."""
    visitor.see(selector)
    for _ in range(PRESSES):
        focused = visitor.page.evaluate("selector => document.activeElement.matches(selector)", selector)
        if focused:
            break
        visitor.page.keyboard.press("Tab")
    demand(focused, f"{selector} cannot be reached with Tab")
    style = visitor.page.evaluate("""() => {
        const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(document.activeElement);
        return {outlined: outlineStyle !== 'none' && outlineWidth !== '0px', shadowed: boxShadow !== 'none'};
    }""")
    demand(style["outlined"] or style["shadowed"], f"nobody sees that {selector} has the focus")


def press(visitor, selector):
    tab_to(visitor, selector)
    visitor.page.keyboard.press("Enter")


def walk(visitor, email, recording):
    """Signs in, sends a file, fetches its transcript, deletes the job, signs out."""
    # Asked for now, since the browser takes its time to heed it.
    choosers = []
    visitor.page.on("filechooser", lambda chooser: choosers.append(chooser))
    visitor.go()
    press(visitor, "#sign-in")
    tab_to(visitor, "#email")
    visitor.page.keyboard.type(email)
    press(visitor, "#continue")
    steps.see_no_jobs(visitor, "deleted all jobs")

    press(visitor, "#new-job")
    visitor.until("document.querySelector('#type')?.options.length", "there is no type of job to choose")
    tab_to(visitor, "#file")
    visitor.page.keyboard.press("Enter")
    for _ in range(200):
        if choosers:
            break
        visitor.rest(0.05)
    demand(choosers, "no file can be chosen with the keyboard")
    choosers[0].set_files(recording.path)
    tab_to(visitor, "#type")
    visitor.page.keyboard.type("Transcr")  # a list goes to what begins so
    demand(visitor.page.input_value("#type") == "transcription", "the type cannot be chosen with the keyboard")
    visitor.limit(recording.size / 6)
    tab_to(visitor, "#start")
    job = steps.started(visitor, lambda: visitor.page.keyboard.press("Enter"))
    visitor.until_sent(5)
    press(visitor, "#pause")
    visitor.see("#resume")
    focused = visitor.page.evaluate("document.activeElement.id")
    demand(focused == "resume", f"after pausing the focus is on {focused or 'nothing'}, not on resuming")
    visitor.page.keyboard.press("Enter")
    visitor.limit()
    steps.until_done(visitor, job)

    tab_to(visitor, '[data-download="transcript"]')
    path, _ = steps.download(visitor, "transcript", lambda: visitor.page.keyboard.press("Enter"))
    steps.check_transcript(path, recording)
    press(visitor, "#delete")
    press(visitor, "#confirm-delete")
    steps.see_deleted(visitor, job)
    press(visitor, "#sign-out")
    visitor.see("#sign-in")
    visitor.demand_silence()
