"""Hooks of schemathesis: gives what it makes up something to hold on to, so that it gets beyond 401 and 404.

Most requests carry a real credential and a real job, and come upon an object, a link or an upload made for them; some
stay as they were made up. The choice hangs on the request alone, so that a run can be repeated.
"""

import base64
import json
import os
import random
import zlib

import requests
import schemathesis

URL = os.environ["CUSTODE_URL"]
JOBS = os.environ["JOBS"].split(",")
CREDENTIALS = {
    "Authorization": "Bearer " + os.environ["CUSTODE_SERVICE_KEY"],
    "Custode-User": os.environ["CUSTODE_USER"],
}
TEXT = b"Good morning, everyone.\n"
WAV = b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x08\x00\x00\x00" + b"\x80" * 8
BODIES = {"input": WAV, "transcript": TEXT, "translation": TEXT, "srt": b"", "json": b'{"segments": []}'}
TUS, DRAFT = "application/offset+octet-stream", "application/partial-upload"
session = requests.Session()
for binary in (TUS, DRAFT, "application/x-subrip", "audio/wav", "video/mp4", "*/*"):
    schemathesis.serializer.alias(binary, "application/octet-stream")


def metadata(job, name):
    pairs = {"job": job, "object": name}.items()
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs)


def prepare(job, name, exists):
    """Has an object be there, or not."""
    target = f"{URL}/v1/jobs/{job}/{name}"
    if exists:
        session.put(target, data=BODIES[name], headers=CREDENTIALS)
    else:
        session.delete(target, headers=CREDENTIALS)


def link(job, name, operation):
    """The token of a link made for one request; none if there is nothing to link to."""
    wish = {"object": name, "operation": operation}
    reply = session.post(f"{URL}/v1/jobs/{job}/links", json=wish, headers=CREDENTIALS)
    return reply.json()["url"].split("/")[4] if reply.status_code == 201 else None


def upload(job, name, tus, token=None):
    """The name of an upload begun for one request; none if it was refused."""
    if tus:
        headers = {"Tus-Resumable": "1.0.0", "Upload-Defer-Length": "1", "Upload-Metadata": metadata(job, name)}
        reply = session.post(URL + "/v1/uploads", headers=headers | CREDENTIALS)
    else:
        path = f"/u/{token}" if token else f"/v1/jobs/{job}/{name}"
        reply = session.put(URL + path, headers={"Upload-Complete": "?0"} | ({} if token else CREDENTIALS))
    return reply.headers["Location"].split("/")[-1] if reply.status_code == 201 else None


def settle_upload(case, chance, job, name):
    """Has a request be of an upload that exists, and mostly of its protocol and offset."""
    path, headers = case.path_parameters, case.headers
    tus = case.media_type == TUS if case.media_type in (TUS, DRAFT) else chance.random() < 0.5
    tus = tus and "token" not in path
    prepare(job, name, exists=False)
    path["upload"] = upload(job, name, tus, path.get("token")) or path["upload"]
    if chance.random() < 0.2:
        return
    headers["Tus-Resumable"] = "1.0.0"
    if not tus:
        headers.pop("Tus-Resumable")
    if case.operation.method.upper() != "PATCH":
        return
    if chance.random() < 0.8:
        headers["Upload-Offset"] = "0"
    if chance.random() < 0.5:
        case.body = BODIES[name]
        for field in ("Upload-Checksum", "Content-Digest", "Repr-Digest"):
            headers.pop(field, None)
        headers["Upload-Length"] = str(len(case.body))
        headers["Upload-Complete"] = "?1"


@schemathesis.hook
def before_call(context, case, kwargs):
    template, method = case.operation.path, case.operation.method.upper()
    chance = random.Random(zlib.crc32(repr((case.path_parameters, case.headers, case.query)).encode()))
    path, headers = case.path_parameters, case.headers
    # The method that a request names instead has an operation of its own, and Python takes 104 for the reply.
    for field in ("X-HTTP-Method-Override", "Upload-Draft-Interop-Version"):
        headers.pop(field, None)
    if chance.random() < 0.9 and template.startswith("/v1/"):
        for field, value in CREDENTIALS.items():
            headers[field] = value
    job, name = chance.choice(JOBS), chance.choice(list(BODIES))
    if path and chance.random() < 0.8:
        reads = template.startswith("/o/")
        if "{object}" in template or reads or "{token}" in template:
            prepare(job, name, exists=reads or (method != "PUT" if chance.random() < 0.8 else method == "PUT"))
        if "job" in path:
            path["job"] = job
        if "object" in path:
            path["object"] = name
        if "token" in path:
            path["token"] = link(job, name, "download" if reads else "upload") or path["token"]
        if "upload" in path:
            settle_upload(case, chance, job, name)
        elif method == "PUT" and chance.random() < 0.5:
            case.body = BODIES[name]
            for field in ("Content-Digest", "Repr-Digest", "Upload-Length", "If-Match"):
                headers.pop(field, None)
    if template == "/v1/uploads" and method == "POST" and chance.random() < 0.7:
        for field in ("Upload-Defer-Length", "Upload-Concat"):
            headers.pop(field, None)
        prepare(job, name, exists=False)
        headers["Upload-Metadata"] = metadata(job, name)
        headers["Upload-Length"] = str(chance.choice([0, 1, 40, 100000]))
    if isinstance(case.body, dict) and template.endswith("/links") and chance.random() < 0.8:
        prepare(job, name, exists=True)
        items = case.body.get("links") if template == "/v1/links" else [case.body]
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                item["job_id"], item["object"] = job, name


@schemathesis.hook
def after_call(context, case, response):
    # What was begun has no content, and what was published has: OpenAPI cannot tell the two apart within 201.
    if response.status_code == 201 and not response.content and response.headers.get("upload-complete") == ["?0"]:
        example = case.operation.schema.raw_schema["components"]["schemas"]["Object"]["examples"][0]
        response.content = json.dumps(example).encode()
        response.headers["content-type"] = ["application/json"]
