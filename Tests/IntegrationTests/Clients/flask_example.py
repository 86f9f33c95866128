"""Runs the example for Flask back ends: `serve PORT` (whoever X-User names is logged in), or `work USER JOB` once."""

import os
import sys

from flask import Flask, abort, request
from werkzeug.serving import make_server

import app
import worker
from custode import Custode


def storage(key: str) -> Custode:
    return Custode(os.environ["CUSTODE_URL"], os.environ[key], patience=float(os.environ.get("PATIENCE", "30")))


def serve(port: int) -> None:
    back_end = Flask("back_end")
    back_end.register_blueprint(
        app.files(storage("CUSTODE_SERVICE_KEY"), lambda: request.headers.get("X-User") or abort(401)))
    make_server("127.0.0.1", port, back_end, threaded=True).serve_forever()


def work(user: str, job: str) -> None:
    stored = worker.work(storage("CUSTODE_WORKER_KEY"), user, job, lambda sound: f"{sum(map(len, sound))} bytes\n")
    print(stored["sha256"])


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    work(*sys.argv[2:])
