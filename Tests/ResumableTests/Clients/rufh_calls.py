"""Resumable uploads for HTTP (draft-ietf-httpbis-resumable-upload), verb by verb, for the checks."""

import base64
import hashlib
import os

import checks
import settings
import wire
from checks import check, expect, expect_true

INTEROP = {"Upload-Draft-Interop-Version": "8"}
APPEND_TYPE = "application/partial-upload"
OBJECT = os.environ.get("OBJECT", "input")
OTHER_USER = settings.need("OTHER_USER")
PROBLEMS = "https://iana.org/assignments/http-problem-types#"
with open(settings.need("FILE"), "rb") as opened:
    MEDIA = opened.read()
HALF = len(MEDIA) // 2


def object_path(job):
    return f"/v1/jobs/{job}/{OBJECT}"


def digest(data):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class Target:
    """Where an upload begins: the object itself, or an upload link to it, which needs no credential."""

    def __init__(self, by_link=False):
        self.job = checks.fresh_job()
        self.by_link = by_link
        self.path = self.mint() if by_link else object_path(self.job)

    def mint(self):
        body = f'{{"object":"{OBJECT}","operation":"upload"}}'.encode()
        headers = {"Content-Type": "application/json", **settings.credentials()}
        reply = wire.call("POST", f"/v1/jobs/{self.job}/links", headers, body)
        expect(reply.status, 201, "status of minting a link")
        return wire.path_of(reply.json()["url"])

    def fields(self, headers=None, user=None):
        return {**({} if self.by_link else settings.credentials(user)), **(headers or {})}

    def call(self, method, path, headers=None, body=None, user=None, chunked=False):
        return wire.call(method, path, self.fields(headers, user), body, chunked)

    def put(self, complete, headers=None, body=b"", chunked=False):
        """A creation; the upload it makes is deleted after the check."""
        fields = {"Upload-Complete": complete, **(headers or {})}
        reply = self.call("PUT", self.path, fields, body, chunked=chunked)
        location = reply.get("Location")
        if location:
            checks.CLEANUPS.append(lambda: self.call("DELETE", location))
        return reply

    def create(self, headers=None, body=b""):
        """An unfinished upload as large as FILE; its Location, which lies below the link if there is one."""
        reply = self.put("?0", {"Upload-Length": len(MEDIA), **(headers or {})}, body)
        expect(reply.status, 201, "status of the creation")
        expect(reply.get("Upload-Complete"), "?0", "Upload-Complete in the 201")
        expect_true("=" in (reply.get("Upload-Limit") or ""), "Upload-Limit in the 201", reply.get("Upload-Limit"))
        prefix = (self.path if self.by_link else "/v1/uploads") + "/"
        path = wire.path_of(reply.get("Location") or "")
        expect_true(path.startswith(prefix), f"a Location below {prefix}", path)
        return path

    def patch(self, upload, offset, body, complete="?0", headers=None, user=None):
        fields = {"Content-Type": APPEND_TYPE, "Upload-Offset": offset, "Upload-Complete": complete, **(headers or {})}
        return self.call("PATCH", upload, fields, body, user)

    def state(self, upload):
        """(offset, complete) by HEAD."""
        reply = self.call("HEAD", upload)
        offset = reply.get("Upload-Offset")
        return (None if offset is None else int(offset), reply.get("Upload-Complete"))

    def expect_state(self, upload, offset, complete="?0"):
        expect(self.state(upload), ((offset, complete),), "Upload-Offset and Upload-Complete by HEAD")

    def expect_gone(self, upload):
        expect(self.call("HEAD", upload).status, (404, 410), "status of HEAD")

    def expect_finished(self, reply, upload=None):
        """The final answer to the last bytes: complete, naming the object, which has them all."""
        expect(reply.status, (200, 201, 204), "status of the final answer")
        expect(reply.get("Upload-Complete"), "?1", "Upload-Complete in the final answer")
        expect(wire.path_of(reply.get("Custode-Object") or ""), object_path(self.job), "path of Custode-Object")
        if upload:
            self.expect_state(upload, len(MEDIA), "?1")
        found = wire.call("GET", object_path(self.job), settings.credentials())
        expect(found.status, 200, "status of GET of the object")
        expect_true(found.body == MEDIA, "the bytes that were sent", f"{len(found.body)} other bytes")

    def expect_no_object(self):
        found = wire.call("HEAD", object_path(self.job), settings.credentials())
        expect(found.status, 404, "status of HEAD of the object")

    def half_put(self, headers=None):
        """A connection on which the first half of a PUT of all has been sent."""
        connection = wire.Connection()
        fields = self.fields({"Upload-Complete": "?1", "Content-Length": len(MEDIA), **(headers or {})})
        connection.head("PUT", self.path, fields)
        connection.send(MEDIA[:HALF])
        return connection


def both_ways(name):
    """A check that runs twice: at the object's own URL, and through an upload link."""

    def register(work):
        check(name)(lambda: work(Target()))
        check(f"{name} (by link)")(lambda: work(Target(by_link=True)))
        return work

    return register
