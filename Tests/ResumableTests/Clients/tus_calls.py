"""tus 1.0.0, verb by verb, for the checks."""

import base64
import os

import checks
import settings
import wire
from checks import expect

UPLOADS = "/v1/uploads"
CHUNK_TYPE = "application/offset+octet-stream"
OBJECT = os.environ.get("OBJECT", "input")
OTHER_USER = settings.need("OTHER_USER")
with open(settings.need("FILE"), "rb") as opened:
    MEDIA = opened.read()
HALF = len(MEDIA) // 2
PAGE = (b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>\n" * 200)[:8192]


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


def metadata(**values):
    return ",".join(f"{key} {base64_of(value)}" for key, value in values.items())


def tus(method, target, headers=None, body=None, user=None, chunked=False):
    """One request as a tus client sends it. Whatever the answer, it must carry Tus-Resumable (line 1)."""
    fields = {"Tus-Resumable": "1.0.0", **settings.credentials(user), **(headers or {})}
    reply = wire.call(method, target, fields, body, chunked)
    if method != "OPTIONS":
        expect(reply.get("Tus-Resumable"), "1.0.0", f"Tus-Resumable in the {reply.status} to {method}:")
    return reply


def post(headers, body=None, user=None):
    """A creation; the upload it makes is deleted after the check."""
    reply = tus("POST", UPLOADS, headers, body, user)
    location = reply.get("Location")
    if reply.status == 201 and location:
        checks.CLEANUPS.append(lambda: tus("DELETE", location, user=user))
    return reply


def create(length=None, headers=None, job=None):
    """An upload for a fresh job, as large as FILE unless said; its Location."""
    fields = {
        "Upload-Length": len(MEDIA) if length is None else length,
        "Upload-Metadata": metadata(job=job or checks.fresh_job(), object=OBJECT),
        **(headers or {}),
    }
    reply = post(fields)
    expect(reply.status, 201, "status of the creation")
    checks.expect_true(reply.get("Location"), "a Location in the 201", "none")
    return reply.get("Location")


def create_partial(length, user=None, body=None):
    headers = {"Upload-Length": length, "Upload-Concat": "partial", "Content-Type": CHUNK_TYPE if body else None}
    reply = post(headers, body, user)
    expect(reply.status, 201, "status of the creation of a partial upload")
    return reply.get("Location")


def patch(target, offset, body, headers=None, user=None, chunked=False):
    fields = {"Content-Type": CHUNK_TYPE, "Upload-Offset": offset, **(headers or {})}
    return tus("PATCH", target, fields, body, user, chunked)


def head(target, user=None):
    return tus("HEAD", target, user=user)


def offset_of(target):
    found = head(target).get("Upload-Offset")
    return None if found is None else int(found)


def expect_offset(target, wanted):
    expect(offset_of(target), wanted, "Upload-Offset by HEAD")


def expect_gone(target):
    reply = head(target)
    expect(reply.status, (404, 410), "status of HEAD")
    expect(reply.get("Upload-Offset"), None, "Upload-Offset of an upload that is gone:")


def object_path(job):
    return f"/v1/jobs/{job}/{OBJECT}"


def expect_object(job, wanted):
    """The object of the job has exactly these bytes."""
    reply = wire.call("GET", object_path(job), settings.credentials())
    expect(reply.status, 200, "status of GET of the object")
    checks.expect_true(reply.body == wanted, f"the {len(wanted)} bytes that were sent", f"{len(reply.body)} other bytes")


def expect_no_object(job):
    expect(wire.call("HEAD", object_path(job), settings.credentials()).status, 404, "status of HEAD of the object")
