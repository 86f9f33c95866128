"""Holds a live server against resumable uploads for HTTP and api.md: `raw_rufh.py [part of a check's name]`.

Its settings are those of raw_tus.py; about 40 job ids are needed. Links are minted by the script itself.
"""

import time

import checks
import rufh_refusals  # noqa: F401
import wire
from checks import check, expect, expect_true
from rufh_calls import APPEND_TYPE, HALF, INTEROP, MEDIA, OTHER_USER, Target, both_ways, digest


@both_ways("104: a client of interop 8 sees it before the final answer, with the same Location and the limits")
def interim(target):
    reply = target.put("?0", {**INTEROP, "Upload-Length": len(MEDIA)}, MEDIA[:HALF])
    expect(reply.status, 201, "status")
    seen = [answer for answer in reply.interim if answer.status == 104]
    expect_true(seen, "a 104", "none")
    for answer in (answer for answer in seen if answer.get("Location") or answer is seen[0]):
        expect(answer.get("Location"), reply.get("Location"), "Location in the 104:")
        expect(answer.get("Upload-Draft-Interop-Version"), "8", "Upload-Draft-Interop-Version in the 104:")
        expect_true(answer.get("Upload-Limit"), "Upload-Limit in the 104", "none")
    append = target.patch(reply.get("Location"), HALF, MEDIA[HALF:], "?1", INTEROP)
    for answer in append.interim:
        expect(answer.get("Location"), None, "Location in an interim answer to an append:")
    target.expect_finished(append, reply.get("Location"))


@both_ways("104: other clients do not see it")
def no_interim(target):
    for version in (None, "7", "9"):
        reply = target.put("?0", {"Upload-Draft-Interop-Version": version, "Upload-Length": len(MEDIA)}, MEDIA[:HALF])
        expect(reply.status, 201, f"status with interop {version}")
        expect([answer.status for answer in reply.interim], [], f"interim answers with interop {version}:")
        target.call("DELETE", reply.get("Location"))


@both_ways("creation, append, offset and completion")
def lifecycle(target):
    upload = target.create()
    target.expect_state(upload, 0)
    reply = target.patch(upload, 0, MEDIA[:HALF])
    expect(reply.status, (200, 204), "status of an append")
    expect(reply.get("Upload-Complete"), "?0", "Upload-Complete of an append")
    reply = target.call("HEAD", upload)
    expect(reply.status, (200, 204), "status of HEAD")
    expect(reply.get("Upload-Length"), str(len(MEDIA)), "Upload-Length")
    for name, part in (("Cache-Control", "no-store"), ("Upload-Limit", "=")):
        expect_true(part in (reply.get(name) or ""), f"{part} in {name}", reply.get(name))
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)


@both_ways("all at once: PUT with ?1 is answered as the plain PUT")
def at_once(target):
    reply = target.put("?1", INTEROP, MEDIA)
    expect(reply.status, 201, "status")
    expect_true(reply.get("ETag"), "an ETag", "none")
    expect(reply.json().get("size"), len(MEDIA), "size of the object in the body")
    target.expect_finished(reply)


@both_ways("completion by an empty append: reaching the length does not complete")
def empty_completion(target):
    upload = target.create()
    expect(target.patch(upload, 0, MEDIA).status, (200, 204), "status of the append")
    target.expect_state(upload, len(MEDIA), "?0")
    target.expect_no_object()
    target.expect_finished(target.patch(upload, len(MEDIA), b"", "?1"), upload)


@check("unknown length: the last append settles it; chunks do as well")
def unknown_length():
    target = Target()
    upload = target.create({"Upload-Length": None})
    expect(target.call("HEAD", upload).get("Upload-Length"), None, "Upload-Length while it is unknown:")
    target.patch(upload, 0, MEDIA[:HALF])
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)
    expect(target.call("HEAD", upload).get("Upload-Length"), str(len(MEDIA)), "Upload-Length at the end")
    target = Target()
    target.expect_finished(target.put("?1", {}, MEDIA, chunked=True))


@both_ways("a broken PUT goes on at the Location that its 104 gave")
def broken_put(target):
    with target.half_put(INTEROP) as connection:
        upload = connection.read_interim(104).get("Location")
    expect(wire.eventually(lambda: target.state(upload), (HALF, "?0")), ((HALF, "?0"),), "Upload-Offset and Upload-Complete")
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)


@both_ways("a lost final answer is given again")
def replay(target):
    upload = target.create(body=MEDIA[:HALF])
    first = target.patch(upload, HALF, MEDIA[HALF:], "?1")
    target.expect_finished(first, upload)
    again = target.patch(upload, len(MEDIA), b"", "?1")
    target.expect_finished(again, upload)
    expect(again.status, first.status, "status of the second final answer")
    expect(again.get("ETag"), first.get("ETag"), "ETag of the second final answer")
    blind = target.patch(upload, HALF, MEDIA[HALF:], "?1")
    expect(blind.status, (first.status, 409), "status of the same append again")
    if blind.status == 409:
        expect(blind.get("Upload-Offset"), str(len(MEDIA)), "Upload-Offset in the 409:")
    else:
        target.expect_finished(blind)


@check("a lost answer to a whole PUT: the same bytes by Content-Digest are 200, others 409")
def replayed_put():
    target = Target()
    for status in (201, 200):
        expect(target.put("?1", {"Content-Digest": digest(MEDIA)}, MEDIA).status, status, "status")
    expect(target.put("?1", {}, MEDIA).status, 409, "status without Content-Digest")
    expect(target.put("?0", {"Upload-Length": len(MEDIA)}).status, 409, "status of a creation for an existing object")


@both_ways("HEAD beside a stalled append answers within a second, and ends it")
def stalled(target):
    upload = target.create()
    with wire.Connection() as connection:
        fields = {"Content-Type": APPEND_TYPE, "Upload-Offset": 0, "Upload-Complete": "?1", "Content-Length": len(MEDIA)}
        connection.head("PATCH", upload, target.fields(fields))
        connection.send(MEDIA[:HALF])
        time.sleep(0.3)
        start = time.monotonic()
        target.expect_state(upload, HALF)
        took = time.monotonic() - start
        expect_true(took < 1, "an answer within 1 s", f"it after {took:.2f} s")
        expect_true(connection.ended(2), "the stalled append to end", "it waiting on")
    target.expect_finished(target.patch(upload, HALF, MEDIA[HALF:], "?1"), upload)


@check("DELETE beside a stalled append answers within a second, and ends both")
def stalled_delete():
    target = Target()
    with target.half_put(INTEROP) as connection:
        upload = connection.read_interim(104).get("Location")
        start = time.monotonic()
        expect(target.call("DELETE", upload).status, 204, "status of DELETE")
        expect_true(time.monotonic() - start < 1, "an answer within 1 s", f"it after {time.monotonic() - start:.2f} s")
        expect_true(connection.ended(2), "the stalled PUT to end", "it waiting on")
    target.expect_gone(upload)
    target.expect_no_object()


@both_ways("Expect is answered within half a second, 104 or not")
def expect_continue(target):
    for headers in (INTEROP, {}):
        with wire.Connection() as connection:
            fields = {"Upload-Complete": "?0", "Upload-Length": len(MEDIA), "Content-Length": HALF, "Expect": "100-continue"}
            connection.head("PUT", target.path, target.fields({**headers, **fields}))
            start = time.monotonic()
            connection.read_interim(100)
            took = time.monotonic() - start
            expect_true(took < 0.5, "100 within 0.5 s", f"it after {took:.2f} s")
            connection.send(MEDIA[:HALF])
            reply = connection.read_reply("PUT")
        expect(reply.status, 201, "status")
        seen = any(answer.status == 104 for answer in reply.interim)
        expect(seen, bool(headers), "whether a 104 was seen:")
        target.call("DELETE", reply.get("Location"))


@both_ways("DELETE ends the upload; another user's is 404")
def delete(target):
    upload = target.create(body=MEDIA[:HALF])
    if not target.by_link:
        stranger = target.patch(upload, HALF, b"x", user=OTHER_USER)
        for reply in (target.call("HEAD", upload, user=OTHER_USER), stranger, target.call("DELETE", upload, user=OTHER_USER)):
            expect(reply.status, 404, "status for another user")
        target.expect_state(upload, HALF)
    expect(target.call("DELETE", upload).status, 204, "status of DELETE")
    target.expect_gone(upload)
    expect(target.patch(upload, HALF, MEDIA[HALF:], "?1").status, (404, 410), "status of an append after DELETE")
    target.expect_no_object()


@both_ways("OPTIONS tells the limits")
def options(target):
    reply = target.call("OPTIONS", target.path)
    expect(reply.status, (200, 204), "status")
    members = [member.strip().split("=") for member in (reply.get("Upload-Limit") or "").split(",")]
    known = ("max-size", "min-size", "max-append-size", "min-append-size", "max-age")
    sound = all(len(member) == 2 and member[0] in known and member[1].isdigit() for member in members)
    expect_true(sound, "a dictionary of integers in Upload-Limit", reply.get("Upload-Limit"))


checks.run()
