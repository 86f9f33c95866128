"""What a worker does with the files of a job.

Its key has the grant `artifacts`: it reads any object of the job and writes artifacts, and cannot delete, link or write input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from custode import Custode


def work(
    storage: Custode, user: str, job: str, transcribe: Callable[[Iterable[bytes]], str]
) -> dict[str, Any]:
    """Reads the input of a job as it comes, and stores what was made of it as the job's transcript.

    A worker that was interrupted after the upload may do it all again: the same transcript is taken once. Another one is a
    Problem with status 409, and its `ETag` is what `if_match` wants to replace it.
    """
    with storage.download(user, job, "input") as sound:
        text = transcribe(sound)
    return storage.upload(user, job, "transcript", text.encode(), content_type="text/plain; charset=utf-8")
