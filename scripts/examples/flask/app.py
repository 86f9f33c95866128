"""Files of jobs in a Flask back end, kept by Custode.

    from app import files
    app.register_blueprint(files(Custode(url, key), lambda: g.user_id))

`key` is a service key with the grant `delegate`; the back end says who is asking, Custode whose a job is. The browser
never sees the key: it gets bytes through here, or a link that is good for minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request

from custode import Custode, Problem, Unreachable

# What a browser may be told as Custode said it. The rest, such as 401 and 403, is a fault of ours: 502.
PASSED_ON = {400, 404, 408, 409, 411, 412, 413, 415, 416, 429, 503, 507}


def files(storage: Custode, current_user: Callable[[], str]) -> Blueprint:
    """The routes; `current_user` returns the id of who is logged in, or aborts with 401."""
    routes = Blueprint("files", __name__)

    @routes.put("/jobs/<job>/input")
    def upload(job: str) -> tuple[Response, int]:
        # In the browser: fetch(`/jobs/${job}/input`, {method: "PUT", body: file, headers: {"Content-Type": file.type}}).
        # The body goes through as it comes, whatever its size. It cannot be sent again from here: a browser that names a
        # Content-Digest may itself repeat what broke.
        stored = storage.upload(
            current_user(), job, "input", request.stream,
            content_type=request.content_type or "application/octet-stream",
            filename=request.args.get("filename"), size=request.content_length,
            digest=request.headers.get("Content-Digest"))
        return jsonify(size=stored["size"], sha256=stored["sha256"], type=stored["content_type"]), 201

    @routes.post("/jobs/<job>/upload-link")
    def upload_link(job: str) -> Response:
        # For large files: the browser PUTs to the link, or goes on after a break with tus; nothing passes through here.
        link = storage.link(current_user(), job, "input", "upload", ttl_seconds=600)
        return jsonify(url=link["url"], method=link["method"], expires_at=link["expires_at"])

    @routes.post("/jobs/<job>/<name>/download-link")
    def download_link(job: str, name: str) -> Response:
        link = storage.link(current_user(), job, name, disposition="attachment")
        return jsonify(url=link["url"], expires_at=link["expires_at"])

    @routes.get("/jobs/<job>/<name>")
    def download(job: str, name: str) -> Response:
        found = storage.download(current_user(), job, name, method=request.method, conditions=dict(request.headers))
        response = Response(found, found.status, found.headers, direct_passthrough=True)
        response.call_on_close(found.close)
        return response

    @routes.get("/jobs/<job>/objects")
    def objects(job: str) -> Response:
        held = storage.objects(current_user(), job)
        return jsonify([{"name": one["object"], "size": one["size"], "type": one["content_type"]} for one in held])

    @routes.delete("/jobs/<job>/<name>")
    def delete(job: str, name: str) -> tuple[str, int]:
        storage.delete(current_user(), job, name)
        return "", 204

    @routes.errorhandler(Problem)
    def refused(problem: Problem) -> tuple[Response, int]:
        if problem.status not in PASSED_ON:
            return jsonify(error="The store of files refused us", request=problem.instance), 502
        response = jsonify(error=problem.title, detail=problem.detail, request=problem.instance)
        for field in ("Retry-After", "Content-Range"):
            if field in problem.headers:
                response.headers[field] = problem.headers[field]
        return response, problem.status

    @routes.errorhandler(Unreachable)
    def away(_: Unreachable) -> tuple[Response, int, dict[str, str]]:
        return jsonify(error="The store of files does not answer"), 503, {"Retry-After": "5"}

    return routes
