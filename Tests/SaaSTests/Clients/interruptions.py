"""One large upload that is paused by hand, and then loses the network twice."""

import re

import steps
import wire
from settings import demand

SECONDS = 20  # that the upload would take without interruptions: enough to stop half-way
AWAY = 4  # seconds without a network: longer than the page waits before it tries again


def upload(visitor, recording):
    """The id of the job, whose input has arrived in the end."""
    rate = recording.size / SECONDS
    visitor.limit(rate)
    steps.open_new(visitor)
    job = steps.begin(visitor, recording)
    visitor.until_sent(1)
    visitor.look("sending")
    visitor.until_sent(25)
    pause(visitor, recording)
    visitor.click("#resume")
    visitor.until_sent(50)
    demand(offsets(visitor)[-1] > 0, "after the pause the upload began anew")
    lose_network(visitor, noticed=False)
    visitor.until_sent(75)
    lose_network(visitor, noticed=True)
    visitor.limit()
    steps.until_done(visitor, job)
    began = [method for method, address, _ in visitor.sent if method == "POST"]
    demand(len(began) == 1, f"the upload was created {len(began)} times")
    return job


def offsets(visitor):
    """From where the page sent, request by request."""
    return [int(headers["upload-offset"]) for method, _, headers in visitor.sent if method == "PATCH"]


def pause(visitor, recording):
    visitor.click("#pause")
    visitor.see("#resume")
    percent = visitor.still(2)
    demand(20 <= percent <= 60, f"it was paused at {percent:.0f} %")
    demand(not visitor.sees("#pause"), "what is paused can be paused again")
    requests = len(visitor.sent)
    _, place, headers = [request for request in visitor.sent if request[0] == "PATCH"][-1]
    token = headers["authorization"].removeprefix("Bearer ")
    before = wire.stored(place, token)
    visitor.rest(1.5)
    after = wire.stored(place, token)
    demand(before == after < recording.size, f"while it is paused, Custode's part grew from {before} to {after} bytes")
    demand(len(visitor.sent) == requests, "while it is paused, the page calls Custode")
    visitor.look("paused")


def lose_network(visitor, noticed):
    """The connection breaks for a while. Nobody touches the page, and it goes on by itself."""
    before = offsets(visitor)[-1]
    with visitor.tolerating(r"net::ERR_"):  # without a network the console complains of each request
        visitor.lose_network(noticed)
        percent = visitor.still(AWAY)
        words = visitor.text()
        demand(re.search(r"connection|network|offline|again", words, re.IGNORECASE),
               f"without a network the page says nothing of it: {words[:300]}")
        visitor.look("offline" if noticed else "unreachable")
        visitor.find_network()
        visitor.until(f"""(bar => !bar || 100 * bar.value / bar.max > {percent + 1})
                          (document.querySelector('#progress'))""",
                      "the upload does not go on when the network is back", seconds=60)
    demand(offsets(visitor)[-1] > before, "when the network was back the upload began anew")
