"""checksum, termination, concatenation and CORS."""

import base64
import hashlib
import os
import uuid

import settings
import wire
from checks import check, expect, expect_true, fresh_job
from tus_calls import HALF, MEDIA, OBJECT, OTHER_USER, PAGE, UPLOADS
from tus_calls import create, create_partial, expect_gone, expect_no_object, expect_object, expect_offset, head, metadata
from tus_calls import object_path, patch, post, tus


def checksum(algorithm, data):
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"}


@check("checksum: sha1 and sha256 are checked: 204, or 460 and the chunk is dropped")
def checksums():
    job = fresh_job()
    upload = create(job=job)
    for algorithm, start, end in (("sha1", 0, HALF), ("sha256", HALF, len(MEDIA))):
        wrong = patch(upload, start, MEDIA[start:end], checksum(algorithm, b"other bytes"))
        expect(wrong.status, 460, f"status of a wrong {algorithm}")
        expect_offset(upload, start)
        chunked = algorithm == "sha256"
        right = patch(upload, start, MEDIA[start:end], checksum(algorithm, MEDIA[start:end]), chunked=chunked)
        expect(right.status, 204, f"status of a right {algorithm}")
        expect_offset(upload, end)
    expect_object(job, MEDIA)


@check("checksum: an unknown algorithm and a malformed checksum are 400, and nothing is kept")
def bad_checksums():
    upload = create()
    upper_case = "SHA1 " + checksum("sha1", MEDIA[:HALF])["Upload-Checksum"].split()[1]
    for value in ("crc99 AAAA", upper_case, "sha1", "sha1 ***", "sha1 AAAA"):
        wanted = (400, 460) if value == "sha1 AAAA" else 400
        expect(patch(upload, 0, MEDIA[:HALF], {"Upload-Checksum": value}).status, wanted, f"status with {value!r}")
        expect_offset(upload, 0)


@check("termination: an unfinished upload is gone after DELETE")
def terminate():
    job = fresh_job()
    upload = create(job=job)
    patch(upload, 0, MEDIA[:HALF])
    expect(tus("DELETE", upload).status, 204, "status of DELETE")
    expect_gone(upload)
    expect(patch(upload, HALF, MEDIA[HALF:]).status, (404, 410), "status of PATCH")
    expect(tus("DELETE", upload).status, (404, 410), "status of a second DELETE")
    expect_no_object(job)
    create(job=job)


@check("termination: DELETE of a finished upload is 204 and leaves the object")
def terminate_finished():
    job = fresh_job()
    upload = create(job=job)
    patch(upload, 0, MEDIA)
    expect(tus("DELETE", upload).status, 204, "status of DELETE")
    expect_gone(upload)
    expect_object(job, MEDIA)


def filled(body, user=None):
    """A finished partial upload of these bytes, begun without any metadata."""
    upload = create_partial(len(body), user)
    expect(patch(upload, 0, body, user=user).status, 204, "status of PATCH to a partial upload")
    return upload


def join(job, urls, **headers):
    fields = {"Upload-Concat": "final;" + " ".join(urls), **headers}
    return post({"Upload-Metadata": metadata(job=job, object=OBJECT), **fields} if job else fields)


@check("concatenation: parts are joined in order, by absolute and relative URLs, one of them twice")
def joined():
    job = fresh_job()
    first, second = filled(MEDIA[:HALF]), filled(MEDIA[HALF:])
    reply = head(first)
    expect(reply.get("Upload-Concat"), "partial", "Upload-Concat of a part")
    expect(reply.get("Upload-Offset"), str(HALF), "Upload-Offset of a part")
    urls = [settings.need("CUSTODE_URL").rstrip("/") + wire.path_of(first), wire.path_of(second), wire.path_of(second)]
    final = join(job, urls)
    expect(final.status, 201, "status of the final POST")
    wanted = MEDIA + MEDIA[HALF:]
    reply = head(final.get("Location"))
    expect(reply.get("Upload-Concat"), "final;" + " ".join(urls), "Upload-Concat of the final upload")
    for name in ("Upload-Offset", "Upload-Length"):
        expect(reply.get(name), str(len(wanted)), f"{name} of the final upload")
    expect_object(job, wanted)
    expect(patch(final.get("Location"), len(wanted), b"").status, 403, "status of PATCH to the final upload")
    expect(join(fresh_job(), [wire.path_of(first), wire.path_of(second)]).status, 201, "status of a second final POST")


@check("concatenation: the final reply names the object")
def final_object():
    job = fresh_job()
    reply = join(job, [filled(MEDIA)])
    expect(wire.path_of(reply.get("Custode-Object") or ""), object_path(job), "path of Custode-Object")


@check("concatenation: what cannot be joined is refused")
def refused():
    job = fresh_job()
    whole = filled(MEDIA)
    open_part = create_partial(len(MEDIA))
    patch(open_part, 0, MEDIA[:HALF])
    expect(join(job, [whole, open_part]).status, 400, "status with an unfinished part")
    expect(join(job, [whole], **{"Upload-Length": len(MEDIA)}).status, 400, "status with Upload-Length")
    expect(join(job, []).status, 400, "status without parts")
    expect(join(None, [whole]).status, 400, "status without a job")
    expect(post({"Upload-Concat": "half", "Upload-Length": 5}).status, 400, "status of an unknown Upload-Concat")
    for other in (f"{UPLOADS}/{uuid.uuid4().hex}", filled(MEDIA, OTHER_USER), "https://example.org/part"):
        expect(join(job, [whole, other]).status, (400, 404), f"status with the part {other}")
    expect_no_object(job)


@check("concatenation: a joined type that is refused is 415")
def refused_join():
    job = fresh_job()
    expect(join(job, [filled(PAGE), filled(PAGE)]).status, 415, "status")
    expect_no_object(job)


METHODS = "POST HEAD PATCH OPTIONS GET DELETE"
ALLOWED = """Authorization X-Requested-With X-Request-ID X-HTTP-Method-Override Content-Type Upload-Length Upload-Offset
    Tus-Resumable Upload-Metadata Upload-Defer-Length Upload-Concat Upload-Complete Upload-Draft-Interop-Version
    Upload-Checksum Content-Digest Repr-Digest"""
EXPOSED = """Upload-Offset Location Upload-Length Tus-Version Tus-Resumable Tus-Max-Size Tus-Extension Upload-Metadata
    Upload-Defer-Length Upload-Concat Upload-Complete Upload-Draft-Interop-Version Upload-Expires Tus-Checksum-Algorithm
    Upload-Limit ETag X-Request-ID"""


def expect_list(reply, name, wanted):
    found = {item.strip().lower() for item in (reply.get(name) or "").split(",")}
    missing = sorted(set(wanted.lower().split()) - found)
    expect_true(not missing, f"{', '.join(missing)} in {name}", reply.get(name))


if "ORIGIN" in os.environ:
    ORIGIN = {"Origin": os.environ["ORIGIN"]}

    @check("CORS: a preflight passes without a credential and allows what a tus client sends")
    def preflight():
        for target in (UPLOADS, f"{UPLOADS}/{uuid.uuid4().hex}"):
            asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "tus-resumable,upload-offset"}
            reply = wire.call("OPTIONS", target, {**ORIGIN, **asked})
            expect(reply.status, (200, 204), "status")
            expect(reply.get("Access-Control-Allow-Origin"), (ORIGIN["Origin"], "*"), "Access-Control-Allow-Origin")
            expect_list(reply, "Access-Control-Allow-Methods", METHODS)
            expect_list(reply, "Access-Control-Allow-Headers", ALLOWED)
            expect(reply.get("Access-Control-Max-Age"), "86400", "Access-Control-Max-Age")

    @check("CORS: answers, errors too, expose what a tus client reads")
    def exposed():
        upload = create()
        stranger = tus("POST", UPLOADS, {**ORIGIN, "Authorization": None})
        for reply in (tus("HEAD", upload, ORIGIN), patch(upload, 3, b"x", ORIGIN), stranger):
            allowed = reply.get("Access-Control-Allow-Origin")
            expect(allowed, (ORIGIN["Origin"], "*"), f"Access-Control-Allow-Origin in the {reply.status}:")
            expect_list(reply, "Access-Control-Expose-Headers", EXPOSED)
