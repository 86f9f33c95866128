"""The core of tus 1.0.0: lines 1 to 10 of the checklist. (Line 1 is also held by every other check, in tus_calls.tus.)"""

import uuid

import wire
from checks import check, expect, expect_true, fresh_job
from tus_calls import CHUNK_TYPE, HALF, MEDIA, OTHER_USER, PAGE, UPLOADS
from tus_calls import OBJECT, base64_of, create, expect_gone, expect_no_object, expect_object, expect_offset, head
from tus_calls import object_path, offset_of, patch, tus


@check("1 Tus-Resumable is in errors, too, and errors are problem documents")
def errors():
    nowhere = f"{UPLOADS}/{uuid.uuid4().hex}"
    upload = create()
    replies = [
        (401, tus("POST", UPLOADS, {"Upload-Length": 1, "Authorization": None})),
        (400, tus("POST", UPLOADS, {"Upload-Length": "x"})),
        (404, patch(nowhere, 0, b"x")),
        (409, patch(upload, 7, b"x")),
        (415, patch(upload, 0, b"x", {"Content-Type": "text/plain"})),
        (405, tus("PUT", UPLOADS, {}, b"x")),
    ]
    for wanted, reply in replies:
        expect(reply.status, wanted, "status")
        expect(reply.problem().get("status"), wanted, "status in the problem document of a")
    expect_true(replies[-1][1].get("Allow"), "Allow in the 405", "none")


@check("1 OPTIONS tells what the server can do, without a credential and whatever Tus-Resumable says")
def options():
    for version in (None, "1.0.0", "0.0.1"):
        reply = wire.call("OPTIONS", UPLOADS, {"Tus-Resumable": version})
        expect(reply.status, (200, 204), "status")
        expect_true("1.0.0" in (reply.get("Tus-Version") or ""), "1.0.0 in Tus-Version", reply.get("Tus-Version"))
        promised = set((reply.get("Tus-Extension") or "").replace(" ", "").split(","))
        wanted = {"creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination"}
        wanted.add("concatenation")
        expect_true(wanted <= promised, f"Tus-Extension with {sorted(wanted)}", sorted(promised))
        for never in ("checksum-trailer", "concatenation-unfinished"):
            expect_true(never not in promised, f"no {never}", sorted(promised))
        algorithms = set((reply.get("Tus-Checksum-Algorithm") or "").split(","))
        expect_true({"sha1", "sha256"} <= algorithms, "sha1,sha256", sorted(algorithms))
        expect_true((reply.get("Tus-Max-Size") or "").isdigit(), "a number in Tus-Max-Size", reply.get("Tus-Max-Size"))


@check("2 another version is 412 with Tus-Version, and nothing is done")
def version():
    upload = create()
    old = {"Tus-Resumable": "0.2.2"}
    calls = [("PATCH", upload, MEDIA[:HALF]), ("DELETE", upload, None), ("HEAD", upload, None), ("POST", UPLOADS, b"")]
    for method, target, body in calls:
        fields = {"Upload-Length": 5, "Upload-Offset": 0, "Content-Type": CHUNK_TYPE, **old}
        reply = tus(method, target, fields, body)
        expect(reply.status, 412, f"status of {method}")
        expect_true("1.0.0" in (reply.get("Tus-Version") or ""), "1.0.0 in Tus-Version", reply.get("Tus-Version"))
        expect(reply.get("Location"), None, "Location:")
    expect_offset(upload, 0)


@check("3 X-HTTP-Method-Override is the method, before authorization")
def override():
    upload = create()

    def as_patch(method, user=None):
        start = offset_of(upload)
        fields = {"Content-Type": CHUNK_TYPE, "Upload-Offset": start, "X-HTTP-Method-Override": "PATCH"}
        return tus(method, upload, fields, MEDIA[start : start + 1000], user).status

    expect(as_patch("POST", OTHER_USER), 404, "status of somebody else's POST as PATCH")
    expect(as_patch("POST"), 204, "status of POST as PATCH")
    expect(as_patch("PUT"), 204, "status of PUT as PATCH")
    expect_offset(upload, 2000)
    asked = tus("GET", upload, {"X-HTTP-Method-Override": "HEAD"})
    expect(asked.get("Upload-Offset"), "2000", "Upload-Offset by GET as HEAD:")
    options = wire.call("GET", UPLOADS, {"X-HTTP-Method-Override": "OPTIONS"})
    expect(options.status, (200, 204), "status of GET as OPTIONS")
    expect_true(options.get("Tus-Version"), "Tus-Version in the answer to GET as OPTIONS", "none")
    expect(tus("POST", upload, {"X-HTTP-Method-Override": "DELETE"}).status, 204, "status of POST as DELETE")
    expect_gone(upload)


@check("4 HEAD tells offset and length at the start, in the middle and at the end, and is not stored")
def heads():
    upload = create()
    for offset in (0, HALF, len(MEDIA)):
        reply = head(upload)
        expect(reply.status, (200, 204), "status")
        expect(reply.get("Upload-Offset"), str(offset), "Upload-Offset")
        expect(reply.get("Upload-Length"), str(len(MEDIA)), "Upload-Length")
        cache = reply.get("Cache-Control") or ""
        expect_true("no-store" in cache, "no-store in Cache-Control", cache)
        if offset < len(MEDIA):
            piece = MEDIA[:HALF] if offset == 0 else MEDIA[HALF:]
            expect(patch(upload, offset, piece).status, 204, "status of PATCH")
    expect_gone(f"{UPLOADS}/{uuid.uuid4().hex}")


@check("4 somebody else's upload is 404 for every verb, and is left alone")
def owner():
    upload = create()
    expect(patch(upload, 0, MEDIA[:HALF]).status, 204, "status of the owner's PATCH")
    tried = patch(upload, HALF, MEDIA[HALF:], user=OTHER_USER)
    for reply in (head(upload, OTHER_USER), tried, tus("DELETE", upload, user=OTHER_USER)):
        expect(reply.status, 404, "status")
        expect(reply.get("Upload-Offset"), None, "Upload-Offset in the 404:")
    expect(tus("HEAD", upload, {"Authorization": None, "Custode-User": None}).status, 401, "status without a credential")
    expect_offset(upload, HALF)


@check("5 Upload-Metadata comes back exactly as it was sent")
def raw_metadata():
    job = fresh_job()
    values = {"object": OBJECT, "filetype": "audio/wav", "job": job, "filename": "Ä, b.wav"}
    raw = "note," + ",".join(f"{key} {base64_of(value)}" for key, value in values.items())
    expect(head(create(headers={"Upload-Metadata": raw}, job=job)).get("Upload-Metadata"), raw, "Upload-Metadata")


@check("6 PATCH with another Content-Type is 415, without a right Upload-Offset 400, to nowhere 404")
def patch_headers():
    upload = create()
    for kind in ("text/plain", "application/octet-stream", None):
        expect(patch(upload, 0, MEDIA[:HALF], {"Content-Type": kind}).status, 415, f"status with Content-Type {kind}")
    for offset in (None, "-1", "x", "1.5", "", "99999999999999999999999"):
        expect(patch(upload, offset, MEDIA[:HALF]).status, 400, f"status with Upload-Offset {offset!r}")
    expect(patch(f"{UPLOADS}/{uuid.uuid4().hex}", 0, b"x").status, 404, "status of PATCH to nowhere")
    expect_offset(upload, 0)


@check("7 PATCH at another offset is 409 with the right Upload-Offset, and nothing is done")
def wrong_offset():
    upload = create()
    patch(upload, 0, MEDIA[:HALF])
    for offset in (0, HALF - 1, HALF + 1, len(MEDIA)):
        reply = patch(upload, offset, MEDIA[HALF:])
        expect(reply.status, 409, f"status at offset {offset}")
        expect(reply.get("Upload-Offset"), str(HALF), "Upload-Offset in the 409:")
    expect_offset(upload, HALF)


@check("8 PATCH is 204 with the new offset; the last reply names the object, which has the bytes")
def patches():
    job = fresh_job()
    upload = create(job=job)
    first = patch(upload, 0, MEDIA[:HALF], chunked=True)
    expect(first.status, 204, "status of a chunked PATCH")
    expect(first.get("Upload-Offset"), str(HALF), "Upload-Offset")
    expect(first.get("Custode-Object"), None, "Custode-Object before the end:")
    expect_no_object(job)
    last = patch(upload, HALF, MEDIA[HALF:])
    expect(last.get("Upload-Offset"), str(len(MEDIA)), "Upload-Offset of the last PATCH")
    expect(wire.path_of(last.get("Custode-Object") or ""), object_path(job), "path of Custode-Object")
    expect_object(job, MEDIA)


@check("9 a body past the length is 413, by Content-Length and by chunks, and nothing of it is kept")
def past_the_length():
    upload = create()
    patch(upload, 0, MEDIA[:HALF])
    for chunked in (False, True):
        reply = patch(upload, HALF, MEDIA[HALF:] + b"more", chunked=chunked)
        expect(reply.status, 413, f"status {'in chunks' if chunked else 'by Content-Length'}")
        expect_offset(upload, HALF)
    expect(patch(upload, HALF, MEDIA[HALF:]).status, 204, "status of the right last PATCH")


@check("10 an empty PATCH at the right offset is 204, in the middle and after the end; bytes after the end are refused")
def empty_patch():
    job = fresh_job()
    upload = create(job=job)
    for offset, piece in ((0, MEDIA[:HALF]), (HALF, MEDIA[HALF:]), (len(MEDIA), b"")):
        reply = patch(upload, offset, b"")
        expect(reply.status, 204, f"status of an empty PATCH at {offset}")
        expect(reply.get("Upload-Offset"), str(offset), "Upload-Offset")
        patch(upload, offset, piece)
    expect(patch(upload, len(MEDIA), b"more").status, (403, 413), "status of bytes after the end")
    expect_offset(upload, len(MEDIA))
    expect_object(job, MEDIA)


@check("a type that is refused is 415 and ends the upload")
def refused_type():
    job = fresh_job()
    upload = create(length=2 * len(PAGE), job=job)
    expect(patch(upload, 0, PAGE).status, 415, "status of the PATCH")
    expect_gone(upload)
    expect_no_object(job)
