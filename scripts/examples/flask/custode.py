"""A client of Custode for a back end that acts for its users, and for its workers.

    storage = Custode("http://127.0.0.1:8080", "cus_api_…")
    with open("meeting.wav", "rb") as sound:
        storage.upload(user, job, "input", sound, content_type="audio/wav", filename="meeting.wav")
    url = storage.link(user, job, "input")["url"]

Every call names the user it is made for; a job that is not that user's is a `Problem` with status 404. Calls that are safe
to repeat are repeated while the service is away, for `patience` seconds at most.
"""

from __future__ import annotations

import base64
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote

import requests

CHUNK = 64 * 1024

# What may pass between a browser and Custode when bytes are handed through; nothing else does.
CONDITIONS = ("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
DESCRIPTIONS = (
    "Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Length", "Content-Range", "Content-Security-Policy",
    "Content-Type", "Cross-Origin-Resource-Policy", "ETag", "Last-Modified", "Referrer-Policy", "X-Content-Type-Options",
)


class Problem(Exception):
    """What Custode answered instead (RFC 9457): `slug` is the end of its `type`, `detail` says what to do about it."""

    def __init__(self, status: int, members: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.slug = str(members.get("type", "")).rpartition(":")[2]
        self.title = str(members.get("title", ""))
        self.detail = str(members.get("detail", ""))
        #: The request's id, as in Custode's log.
        self.instance = str(members.get("instance", headers.get("X-Request-Id", "")))
        self.headers = headers
        super().__init__(f"{status} {self.title}: {self.detail} ({self.instance})")

    @property
    def retry_after(self) -> float | None:
        """How many seconds to wait before the next attempt, if Custode said so."""
        value = self.headers.get("Retry-After", "")
        return float(value) if value.isdigit() else None


class Unreachable(Exception):
    """Custode did not answer, or not to the end."""


class Download:
    """Bytes on their way: iterate over it once, and close it."""

    def __init__(self, reply: requests.Response) -> None:
        self._reply = reply
        self.status = reply.status_code
        #: What to tell whoever the bytes are handed to.
        self.headers = {name: reply.headers[name] for name in DESCRIPTIONS if name in reply.headers}

    def __iter__(self) -> Iterator[bytes]:
        # As they are on the wire, without a look at them; a body that ends too early raises.
        return self._reply.raw.stream(CHUNK, decode_content=False)

    def close(self) -> None:
        self._reply.close()

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Custode:
    """A service key (`cus_…`) at a Custode. May be shared between threads."""

    def __init__(
        self, url: str, key: str, *, timeout: tuple[float, float] = (5, 60), patience: float = 30
    ) -> None:
        self._url = url.rstrip("/")
        self._key = key
        #: Seconds to wait for a connection, and for the next bytes.
        self._timeout = timeout
        self._patience = patience
        self._threads = threading.local()

    def upload(
        self, user: str, job: str, name: str, body: bytes | IO[bytes], *, content_type: str,
        filename: str | None = None, size: int | None = None, digest: str | None = None, if_match: str | None = None,
    ) -> dict[str, Any]:
        """Stores an object of a job, and returns what Custode says of it.

        Bytes, and files that can be read from the start again, are hashed first: with `Content-Digest` a repeat after a
        lost reply is answered as the first would have been. Anything else, such as the body of a request, is streamed once
        and never repeated; `size` in bytes and `digest` (a `Content-Digest` field) are passed on if they are known. The
        object must not exist, unless `if_match` is the ETag of what is to be replaced.
        """
        headers = {"Content-Type": content_type}
        if filename:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        if if_match:
            headers["If-Match"] = if_match
        path = _path(job, name)
        if isinstance(body, bytes):
            headers["Content-Digest"] = _content_digest(hashlib.sha256(body))
            return self._ask("PUT", path, user, headers, data=lambda: body)
        if not _is_seekable(body):
            if digest:
                headers["Content-Digest"] = digest
            return self._ask("PUT", path, user, headers, data=lambda: _Once(body, size), once=True)
        start = body.tell()
        headers["Content-Digest"] = _content_digest(_hash(body))

        def from_start() -> IO[bytes]:
            body.seek(start)
            return body

        return self._ask("PUT", path, user, headers, data=from_start)

    def download(
        self, user: str, job: str, name: str, *, method: str = "GET", conditions: Mapping[str, str] | None = None
    ) -> Download:
        """Opens an object for reading; a status of 200, 206 or 304, the rest are Problems.

        Of `conditions`, which may be all headers of a browser's request, ranges and preconditions are passed on.
        """
        headers = {"Accept-Encoding": "identity"}
        for field in CONDITIONS:
            if conditions and field in conditions:
                headers[field] = conditions[field]
        return Download(self._call(method, _path(job, name), user, headers, stream=True))

    def objects(self, user: str, job: str) -> list[dict[str, Any]]:
        """What the job holds."""
        return list(self._ask("GET", _path(job, "objects"), user)["objects"])

    def delete(self, user: str, job: str, name: str) -> None:
        """Forgets an object. One that is not there is a Problem, but for a repeat, whose forerunner may have done it."""
        self._call("DELETE", _path(job, name), user, gone_is_done=True)

    def link(self, user: str, job: str, name: str, operation: str = "download", **wishes: Any) -> dict[str, Any]:
        """Mints a link that needs no credential: `url`, `method`, `expires_at`.

        Wishes are `ttl_seconds`, `disposition`, `once` and, for an upload, `max_bytes`.
        """
        wish = {"object": name, "operation": operation, **wishes}
        return self._ask("POST", _path(job, "links"), user, json=wish)

    def links(self, user: str, wishes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Mints up to 1,000 links at once; a wish names `job_id` and `object`, an answer holds `url` or `problem`."""
        return list(self._ask("POST", "/v1/links", user, json={"links": wishes})["links"])

    def revoke_links(self, user: str, job: str) -> None:
        """Ends every link of the job that was minted so far."""
        self._call("DELETE", _path(job, "links"), user)

    def _ask(self, *call: Any, **options: Any) -> dict[str, Any]:
        return dict(self._call(*call, **options).json())

    def _call(
        self, method: str, path: str, user: str, headers: Mapping[str, str] | None = None, *,
        data: Callable[[], Any] = lambda: None, json: Any = None, stream: bool = False, once: bool = False,
        gone_is_done: bool = False,
    ) -> requests.Response:
        end = time.monotonic() + self._patience
        attempt = 0
        while True:
            try:
                return self._send(method, path, user, headers or {}, data(), json, stream)
            except Problem as problem:
                if gone_is_done and attempt and problem.status == 404:
                    return requests.Response()
                failure: Exception = problem
                wait = problem.retry_after if problem.status in (429, 503) else None
                if wait is None:
                    raise
            except requests.RequestException as error:
                failure = Unreachable(f"{method} {path}: {error}")
                wait = 0.2 * 2 ** min(attempt, 5)
            attempt += 1
            # Not all at the same moment, when the service has just come back.
            wait *= random.uniform(1, 1.25)
            if once or time.monotonic() + wait > end:
                raise failure
            time.sleep(wait)

    def _send(
        self, method: str, path: str, user: str, headers: Mapping[str, str], data: Any, json: Any, stream: bool
    ) -> requests.Response:
        # The user as it is, in UTF-8: a header of text would be sent in Latin-1.
        credentials: dict[str, str | bytes] = {"Authorization": f"Bearer {self._key}", "Custode-User": user.encode()}
        reply = self._session().request(
            method, self._url + path, headers={**credentials, **headers}, data=data, json=json, stream=stream,
            timeout=self._timeout, allow_redirects=False,
        )
        if reply.ok:
            return reply
        with reply:
            try:
                members = reply.json()
            except requests.exceptions.JSONDecodeError:
                members = {"title": reply.reason}
            raise Problem(reply.status_code, members if isinstance(members, dict) else {}, reply.headers)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            # No proxy, no .netrc: the machine's settings must not send a key elsewhere or put another in its place.
            session.trust_env = False
        return session


class _Once:
    """A stream that can be read but once; with a size it is sent as that many bytes, else in chunks."""

    def __init__(self, stream: IO[bytes], size: int | None) -> None:
        self._stream = stream
        if size is not None:
            self.len = size

    def read(self, count: int = -1) -> bytes:
        return self._stream.read(count)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._stream.read(CHUNK):
            yield chunk


def _path(job: str, name: str) -> str:
    return f"/v1/jobs/{quote(job, safe='')}/{quote(name, safe='')}"


def _is_seekable(body: IO[bytes]) -> bool:
    return bool(getattr(body, "seekable", lambda: False)())


def _hash(body: IO[bytes]) -> Any:
    sha256 = hashlib.sha256()
    while chunk := body.read(1 << 20):
        sha256.update(chunk)
    return sha256


def _content_digest(sha256: Any) -> str:
    return f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"
