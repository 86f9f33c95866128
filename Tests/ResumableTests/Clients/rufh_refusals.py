"""What resumable uploads for HTTP must refuse, and how."""

from checks import check, expect, expect_true
from rufh_calls import HALF, MEDIA, PROBLEMS, Target, both_ways, digest


def expect_problem(reply, status, kind):
    expect(reply.status, status, "status")
    expect(reply.problem().get("type"), PROBLEMS + kind, "problem type")
    expect(reply.get("Upload-Complete"), "?0", "Upload-Complete in the error")


@both_ways("append at another offset is 409 with the right one, and nothing is done")
def wrong_offset(target):
    upload = target.create(body=MEDIA[:HALF])
    for offset in (0, HALF + 1):
        reply = target.patch(upload, offset, MEDIA[HALF:], "?1")
        expect_problem(reply, 409, "mismatching-upload-offset")
        expect(reply.get("Upload-Offset"), str(HALF), "Upload-Offset in the 409:")
        expect(reply.problem().get("expected-offset"), HALF, "expected-offset")
        expect(reply.problem().get("provided-offset"), offset, "provided-offset")
    target.expect_state(upload, HALF)
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)


@both_ways("inconsistent lengths are 400")
def inconsistent(target):
    reply = target.put("?1", {"Upload-Length": len(MEDIA) + 1}, MEDIA)
    expect_problem(reply, 400, "inconsistent-upload-length")
    upload = target.create(body=MEDIA[:HALF])
    for headers, complete, body in (({"Upload-Length": len(MEDIA) + 1}, "?0", b"x"), ({}, "?1", MEDIA[HALF:-1])):
        expect_problem(target.patch(upload, HALF, body, complete, headers), 400, "inconsistent-upload-length")
    target.expect_no_object()


@check("append past the length is refused and ends the upload")
def past_the_length():
    target = Target()
    upload = target.create(body=MEDIA[:HALF])
    expect(target.patch(upload, HALF, MEDIA[HALF:] + b"more").status, (400, 409, 413), "status")
    target.expect_gone(upload)
    target.expect_no_object()


@check("append without a right Content-Type is 415, without offset or completeness 400")
def append_headers():
    target = Target()
    upload = target.create()
    expect(target.patch(upload, 0, b"x", headers={"Content-Type": "text/plain"}).status, 415, "status with text/plain")
    for name, value in (("Upload-Offset", None), ("Upload-Offset", "x"), ("Upload-Offset", "-1"), ("Upload-Complete", None)):
        expect(target.patch(upload, 0, b"x", headers={name: value}).status, 400, f"status with {name} {value}")
    target.expect_state(upload, 0)


@check("a malformed Upload-Complete is no Upload-Complete: PUT is the plain PUT")
def malformed_complete():
    target = Target()
    reply = target.put("true", {}, MEDIA)
    expect(reply.status, 201, "status")
    expect(reply.get("Upload-Complete"), None, "Upload-Complete:")
    expect(reply.json().get("size"), len(MEDIA), "size of the object in the body")


@both_ways("Content-Digest that does not match is 400, and nothing is appended")
def content_digest(target):
    upload = target.create()
    for piece, complete in ((MEDIA[:HALF], "?0"), (MEDIA, "?1")):
        reply = target.patch(upload, 0, piece, complete, {"Content-Digest": digest(b"other bytes")})
        expect(reply.status, 400, "status")
        target.expect_state(upload, 0)
    right = target.patch(upload, 0, MEDIA[:HALF], headers={"Content-Digest": digest(MEDIA[:HALF])})
    expect(right.status, (200, 204), "status with the right Content-Digest")
    rest = target.patch(upload, HALF, MEDIA[HALF:], "?1", {"Content-Digest": digest(MEDIA[HALF:])})
    target.expect_finished(rest, upload)


@both_ways("Repr-Digest that does not match fails the upload; one that matches does not")
def repr_digest(target):
    upload = target.create({"Repr-Digest": digest(b"other bytes")}, MEDIA[:HALF])
    reply = target.patch(upload, HALF, MEDIA[HALF:], "?1")
    expect_true(400 <= reply.status < 500, "a refusal (4xx)", reply.status)
    expect_true(reply.get("Upload-Complete") != "?1", "no Upload-Complete: ?1 in the refusal", "it")
    target.expect_no_object()
    target.call("DELETE", upload)
    upload = target.create({"Repr-Digest": digest(MEDIA)}, MEDIA[:HALF])
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)
