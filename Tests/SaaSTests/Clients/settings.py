"""What the journey is told through the environment.

PAGE_URL     where the page is, e.g. http://127.0.0.1:8000
CUSTODE_URL  where Custode's public listener is: uploads and downloads go there
SCREENSHOTS  a folder for a picture of each screen; it is made if need be
FILE_BYTES   how large the recording is (200 MiB unless said)
TIMEOUT      seconds that all of it may take (600 unless said)
ALICE, BOB   two e-mails of people who have no jobs yet (alice@example.org and bob@example.org unless said)
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path


class Wrong(Exception):
    """What was seen is not what should be there."""


def demand(condition, sentence):
    if not condition:
        raise Wrong(sentence)


@dataclass(frozen=True)
class Settings:
    page_url: str
    custode_url: str
    screenshots: Path
    file_bytes: int
    deadline: float
    alice: str
    bob: str

    @staticmethod
    def read(environment=os.environ):
        for name in ["PAGE_URL", "CUSTODE_URL", "SCREENSHOTS"]:
            demand(environment.get(name), f"the environment variable {name} is not set")
        file_bytes = int(environment.get("FILE_BYTES", 200 * 1024 * 1024))
        demand(file_bytes >= 1024 * 1024, "FILE_BYTES: below a mebibyte there is no half-way to stop at")
        folder = Path(environment["SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        return Settings(
            page_url=environment["PAGE_URL"].rstrip("/"),
            custode_url=environment["CUSTODE_URL"].rstrip("/"),
            screenshots=folder,
            file_bytes=file_bytes,
            deadline=time.monotonic() + float(environment.get("TIMEOUT", 600)),
            alice=environment.get("ALICE", "alice@example.org"),
            bob=environment.get("BOB", "bob@example.org"),
        )

    def left(self, most=None):
        """Milliseconds that something may still take."""
        left = self.deadline - time.monotonic()
        demand(left > 0, "the journey took longer than TIMEOUT")
        return 1000 * (left if most is None else min(left, most))
