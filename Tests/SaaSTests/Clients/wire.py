"""The journey's own calls, past the browser, to see whether what the page shows is so."""

import json
import time
import urllib.error
import urllib.request

from settings import Wrong

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url, token=None, method="GET", headers=None):
    """The status, the headers and the JSON, if it is any."""
    fields = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    request = urllib.request.Request(url, method=method, headers=fields)
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.headers, read(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.status, refusal.headers, read(refusal)
    except OSError as error:
        raise Wrong(f"{method} {url.split('?')[0][:60]}: {error}") from error


def read(answer):
    text = answer.read() if "json" in answer.headers.get("Content-Type", "") else b""
    return json.loads(text) if text else None


def stored(upload, token):
    """How many bytes of an upload Custode has. It may still be busy with a request that was broken off."""
    for _ in range(50):
        status, headers, _ = call(upload, token, "HEAD", {"Tus-Resumable": "1.0.0"})
        if status == 200:
            return int(headers["Upload-Offset"])
        if status not in (423, 429, 503):
            break
        time.sleep(0.2)
    raise Wrong(f"Custode does not say how much of the upload it has: {status}")
