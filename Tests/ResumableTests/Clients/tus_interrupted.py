"""PATCHes that break or stall half-way."""

import base64
import hashlib
import time

import settings
import wire
from checks import check, expect, expect_true
from tus_calls import CHUNK_TYPE, HALF, MEDIA, create, expect_offset, offset_of, patch


def half_sent(upload, headers=None):
    """A connection on which the first half of a PATCH of all has been sent."""
    connection = wire.Connection()
    fields = {"Tus-Resumable": "1.0.0", **settings.credentials(), "Content-Type": CHUNK_TYPE, **(headers or {})}
    connection.head("PATCH", upload, {**fields, "Upload-Offset": 0, "Content-Length": len(MEDIA)})
    connection.send(MEDIA[:HALF])
    return connection


@check("8 what arrived before the connection broke is kept")
def broken():
    upload = create()
    with half_sent(upload):
        pass
    expect(wire.eventually(lambda: offset_of(upload), HALF), HALF, "Upload-Offset after the break")
    expect(patch(upload, HALF, MEDIA[HALF:]).status, 204, "status of the PATCH that resumes")


@check("8 HEAD beside a stalled PATCH answers within a second, and ends it")
def stalled():
    upload = create()
    with half_sent(upload) as connection:
        time.sleep(0.3)
        start = time.monotonic()
        expect_offset(upload, HALF)
        took = time.monotonic() - start
        expect_true(took < 1, "an answer within 1 s", f"it after {took:.2f} s")
        expect_true(connection.ended(2), "the stalled PATCH to end", "it waiting on")
    expect(patch(upload, HALF, MEDIA[HALF:]).status, 204, "status of the PATCH that resumes")


@check("checksum: nothing is kept of a chunk with a checksum whose connection broke")
def broken_checksum():
    upload = create()
    digest = base64.b64encode(hashlib.sha1(MEDIA).digest()).decode()
    with half_sent(upload, {"Upload-Checksum": f"sha1 {digest}"}):
        pass
    expect(wire.eventually(lambda: offset_of(upload), HALF, seconds=1), 0, "Upload-Offset")
