"""creation, creation-with-upload, creation-defer-length and expiration."""

import time
import uuid
from email.utils import parsedate_to_datetime

import settings
import wire
from checks import check, expect, expect_true, fresh_job
from tus_calls import CHUNK_TYPE, HALF, MEDIA, OBJECT, OTHER_USER, PAGE, UPLOADS
from tus_calls import base64_of, create, expect_no_object, expect_object, expect_offset, head, metadata
from tus_calls import object_path, patch, post


def named(job, **more):
    return {"Upload-Metadata": metadata(job=job, object=OBJECT), **more}


@check("creation: 201 with a Location below /v1/uploads that cannot be guessed")
def location():
    first, second = create(), create()
    for found in (first, second):
        expect_true(wire.path_of(found).startswith(UPLOADS + "/"), f"a Location below {UPLOADS}", found)
        expect_true(len(wire.path_of(found)) - len(UPLOADS) > 20, "a long id", found)
    expect_true(first != second, "two Locations", "the same twice")


@check("creation: exactly one of Upload-Length and Upload-Defer-Length: 1, else 400")
def lengths():
    job = fresh_job()
    wrong = [{}, {"Upload-Length": 5, "Upload-Defer-Length": 1}, {"Upload-Defer-Length": 2}, {"Upload-Defer-Length": 0}]
    wrong += [{"Upload-Length": value} for value in ("-1", "x", "1.5", "", "99999999999999999999999")]
    for headers in wrong:
        expect(post(named(job, **headers)).status, 400, f"status with {headers}")


@check("creation: more than Tus-Max-Size is 413")
def too_large():
    limit = int(wire.call("OPTIONS", UPLOADS, {}).get("Tus-Max-Size"))
    expect(post(named(fresh_job(), **{"Upload-Length": limit + 1})).status, 413, "status")


@check("creation: Upload-Length 0 is complete at once for a text, and 415 for an input")
def nothing():
    job = fresh_job()
    reply = post({"Upload-Length": 0, "Upload-Metadata": metadata(job=job, object="transcript")})
    expect(reply.status, 201, "status for a transcript")
    found = wire.call("GET", f"/v1/jobs/{job}/transcript", settings.credentials())
    expect((found.status, len(found.body)), ((200, 0),), "status and size of the transcript")
    expect(post(named(job, **{"Upload-Length": 0})).status, 415, "status for an input")


@check("creation: metadata with bad base64, a doubled or an empty key, or without a job is 400")
def bad_metadata():
    job = fresh_job()
    good = metadata(job=job, object=OBJECT)
    wrong = ["filename ***", "filename YQ", "filename YQ==,filename Yg==", "filename YQ== YQ==", "", " YQ=="]
    wrong.append("job " + base64_of(job))
    for raw in [good + "," + item for item in wrong] + [metadata(object=OBJECT), "", None]:
        expect(post({"Upload-Length": 5, "Upload-Metadata": raw}).status, 400, f"status with Upload-Metadata {raw!r}")


@check("creation: an empty Upload-Metadata is accepted where no job is needed")
def empty_metadata():
    expect(post({"Upload-Length": 5, "Upload-Concat": "partial", "Upload-Metadata": ""}).status, 201, "status")


@check("creation: nobody's job, somebody else's and an id of the wrong form are the same 404; so is an unknown object")
def unknown_jobs():
    job = fresh_job()
    replies = [post(named(other, **{"Upload-Length": 5})) for other in (str(uuid.uuid4()), "no-id", "../" + job)]
    replies.append(post(named(job, **{"Upload-Length": 5}), user=OTHER_USER))
    replies.append(post({"Upload-Length": 5, "Upload-Metadata": metadata(job=job, object="no-such-kind")}))
    bodies = []
    for reply in replies:
        expect(reply.status, 404, "status")
        bodies.append({**reply.problem(), "instance": None})
    for body in bodies[1:4]:
        expect(body, bodies[0], "the same problem document")


@check("creation: an existing object is 409")
def existing():
    job = fresh_job()
    upload = create(job=job)
    patch(upload, 0, MEDIA)
    expect(post(named(job, **{"Upload-Length": 5})).status, 409, "status")
    expect_object(job, MEDIA)


@check("creation-with-upload: 201 with the offset of what came along")
def with_upload():
    for size in (HALF, len(MEDIA)):
        job = fresh_job()
        reply = post(named(job, **{"Upload-Length": len(MEDIA), "Content-Type": CHUNK_TYPE}), MEDIA[:size])
        expect(reply.status, 201, "status")
        expect(reply.get("Upload-Offset"), str(size), "Upload-Offset")
        expect_offset(reply.get("Location"), size)
    expect(wire.path_of(reply.get("Custode-Object") or ""), object_path(job), "path of Custode-Object")
    expect_object(job, MEDIA)


@check("creation-with-upload: a body past the length is 413, a refused type 415, and no object comes of it")
def bad_first_body():
    job = fresh_job()
    for body, length, wanted in ((MEDIA, HALF, 413), (PAGE, len(PAGE), 415)):
        reply = post(named(job, **{"Upload-Length": length, "Content-Type": CHUNK_TYPE}), body)
        expect(reply.status, wanted, "status")
    expect_no_object(job)


@check("creation-with-upload: Expect is answered within half a second")
def expect_continue():
    fields = {"Tus-Resumable": "1.0.0", **settings.credentials(), "Expect": "100-continue", "Connection": "close"}
    fields |= {"Upload-Length": len(MEDIA), "Content-Length": len(MEDIA), "Content-Type": CHUNK_TYPE}
    with wire.Connection() as connection:
        connection.head("POST", UPLOADS, {**fields, **named(fresh_job())})
        start = time.monotonic()
        connection.read_interim(100)
        expect_true(time.monotonic() - start < 0.5, "100 within 0.5 s", f"it after {time.monotonic() - start:.2f} s")
        connection.send(MEDIA)
        expect(connection.read_reply("POST").status, 201, "status")


@check("creation-defer-length: the length may come once, with a PATCH, and then stays")
def deferred():
    job = fresh_job()
    upload = create(headers={"Upload-Length": None, "Upload-Defer-Length": 1}, job=job)
    reply = head(upload)
    found = (reply.get("Upload-Defer-Length"), reply.get("Upload-Length"))
    expect(found, (("1", None),), "Upload-Defer-Length and Upload-Length")
    expect(patch(upload, 0, MEDIA[:HALF]).status, 204, "status of the first PATCH")
    expect(head(upload).get("Upload-Defer-Length"), "1", "Upload-Defer-Length after a PATCH without a length:")
    expect(patch(upload, HALF, b"", {"Upload-Length": HALF - 1}).status, 400, "status of a length below the offset")
    limit = int(wire.call("OPTIONS", UPLOADS, {}).get("Tus-Max-Size"))
    expect(patch(upload, HALF, b"", {"Upload-Length": limit + 1}).status, (400, 413), "status of a length above the maximum")
    expect(patch(upload, HALF, MEDIA[HALF : HALF + 10], {"Upload-Length": len(MEDIA)}).status, 204, "status with the length")
    reply = head(upload)
    found = (reply.get("Upload-Defer-Length"), reply.get("Upload-Length"))
    expect(found, ((None, str(len(MEDIA))),), "Upload-Defer-Length and Upload-Length")
    expect(patch(upload, HALF + 10, b"", {"Upload-Length": len(MEDIA) + 1}).status, 400, "status of another length")
    expect(patch(upload, HALF + 10, MEDIA[HALF + 10 :]).status, 204, "status of the last PATCH")
    expect_object(job, MEDIA)


@check("expiration: Upload-Expires is in the answers to POST, PATCH and HEAD of an unfinished upload")
def expires():
    reply = post(named(fresh_job(), **{"Upload-Length": len(MEDIA)}))
    upload = reply.get("Location")
    for answer in (reply, patch(upload, 0, MEDIA[:HALF]), head(upload)):
        text = answer.get("Upload-Expires") or ""
        expect_true(text.endswith(" GMT") and len(text) == 29, "Upload-Expires as an IMF-fixdate", text or "none")
        expect_true(parsedate_to_datetime(text).timestamp() > time.time(), "a time to come", text)
