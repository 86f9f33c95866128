"""HTTP/1.1 over a bare socket, so that interim answers, half bodies and broken requests can be sent and seen."""

import json
import socket
import time
from urllib.parse import urlsplit

import settings

BASE = urlsplit(settings.need("CUSTODE_URL"))
PATIENCE = 10


class Reply:
    def __init__(self, status, fields, body, interim):
        self.status = status
        self.fields = fields
        self.body = body
        self.interim = interim

    def get(self, name):
        """The value of a header field, or None. Repeated fields are joined, as RFC 9110 says."""
        values = [value for key, value in self.fields if key == name.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """The problem document of an error (an empty one where the reply holds none)."""
        if (self.get("Content-Type") or "").startswith("application/problem+json"):
            return self.json()
        return {}


def path_of(target):
    """A `Location` may be absolute or relative; requests go to its path."""
    parts = urlsplit(target)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class Connection:
    """One connection, used by hand: send what you like, read what comes."""

    def __init__(self):
        self.socket = socket.create_connection((BASE.hostname, BASE.port or 80), timeout=PATIENCE)
        self.pending = b""
        self.interim = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def head(self, method, target, headers):
        """Sends the request line and the header. Fields whose value is None are left out."""
        lines = [f"{method} {path_of(target)} HTTP/1.1", f"Host: {BASE.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, data):
        """A server may refuse and close before it has read everything; its answer is still worth reading."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_chunked(self, data, size=4096):
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.send(b"0\r\n\r\n")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection before its answer was complete")
        self.pending += data

    def _until(self, mark):
        while mark not in self.pending:
            self._more()
        found, self.pending = self.pending.split(mark, 1)
        return found

    def _exactly(self, count):
        while len(self.pending) < count:
            self._more()
        found, self.pending = self.pending[:count], self.pending[count:]
        return found

    def read_head(self):
        """The next head, interim or final: (status, fields)."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = [line.split(":", 1) for line in lines[1:]]
        return int(lines[0].split()[1]), [(name.lower(), value.strip()) for name, value in fields]

    def read_interim(self, status):
        """Waits for one interim answer of this status, and keeps it and those before it."""
        while True:
            found, fields = self.read_head()
            if found >= 200:
                raise ConnectionError(f"the final answer {found} came before an interim {status}")
            self.interim.append(Reply(found, fields, b"", []))
            if found == status:
                return self.interim[-1]

    def read_reply(self, method):
        status, fields = self.read_head()
        while status < 200:
            self.interim.append(Reply(status, fields, b"", []))
            status, fields = self.read_head()
        reply = Reply(status, fields, b"", self.interim)
        self.interim = []
        if method == "HEAD" or status in (204, 304):
            return reply
        if reply.get("Transfer-Encoding") == "chunked":
            while size := int(self._until(b"\r\n").split(b";")[0], 16):
                reply.body += self._exactly(size)
                self._exactly(2)
            self._until(b"\r\n")
        elif reply.get("Content-Length") is not None:
            reply.body = self._exactly(int(reply.get("Content-Length")))
        return reply

    def ended(self, seconds):
        """Whether the server answers or closes within this time, instead of waiting on for our body."""
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(65536)
            return True
        except TimeoutError:
            return False
        except ConnectionError:
            return True


def call(method, target, headers, body=None, chunked=False):
    """One request on a connection of its own."""
    headers = {"Connection": "close", **headers}
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif body is not None or method in ("POST", "PUT", "PATCH"):
        headers.setdefault("Content-Length", len(body or b""))
    with Connection() as connection:
        connection.head(method, target, headers)
        if chunked:
            connection.send_chunked(body)
        elif body:
            connection.send(body)
        return connection.read_reply(method)


def eventually(question, wanted, seconds=2):
    """Asks until the answer is the wanted one or the time is over, and gives the last answer."""
    end = time.monotonic() + seconds
    while (answer := question()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return answer
