"""What every client in this folder is told through the environment.

CUSTODE_URL          where the server listens, e.g. http://127.0.0.1:8080
CUSTODE_SERVICE_KEY  a service key, and
CUSTODE_USER         the user it acts for; or, instead of these two,
CUSTODE_TOKEN        the token of an upload link
JOB, OBJECT          what to upload (OBJECT is `input` unless said)
FILE                 the file to upload
CHUNK                bytes per request (64 KiB unless said)
"""

import json
import mimetypes
import os
import sys


def need(name):
    value = os.environ.get(name)
    if not value:
        fail(f"the environment variable {name} is not set")
    return value


def fail(sentence):
    print(sentence, file=sys.stderr)
    sys.exit(1)


def demand(condition, sentence):
    if not condition:
        fail(sentence)


def endpoint():
    return need("CUSTODE_URL").rstrip("/") + "/v1/uploads"


def credentials(user=None):
    """The headers that say who is calling. A link's token says all by itself."""
    token = os.environ.get("CUSTODE_TOKEN")
    if token:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": f"Bearer {need('CUSTODE_SERVICE_KEY')}", "Custode-User": user or need("CUSTODE_USER")}


def metadata():
    """The tus metadata of FILE. A link's token names job and object itself, so JOB may be missing then."""
    file = need("FILE")
    values = {"filename": os.path.basename(file), "filetype": mimetypes.guess_type(file)[0] or "application/octet-stream"}
    if "CUSTODE_TOKEN" not in os.environ or "JOB" in os.environ:
        values["job"] = need("JOB")
        values["object"] = os.environ.get("OBJECT", "input")
    return values


def chunk():
    return int(os.environ.get("CHUNK", 64 * 1024))


def succeed(**facts):
    """The one line that a caller reads."""
    print(json.dumps(facts))


def run(commands):
    """Calls the command that argv[1] names."""
    chosen = sys.argv[1] if len(sys.argv) == 2 else None
    demand(chosen in commands, f"usage: {sys.argv[0]} {'|'.join(commands)}")
    commands[chosen]()
