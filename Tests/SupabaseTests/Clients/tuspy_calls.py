"""tuspy uploads FILE of BUCKET in chunks of 6 MiB: `whole`, or `resume` by a second client, or `flaky`.

The location that comes back has a host of its own, as in production; only its last part counts.
"""

import io
import json
import os
import sys
import tempfile

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader import Uploader

from project import HEADERS, URL, demand, equal

BUCKET = os.environ["BUCKET"]
FILE = os.environ["FILE"]
SIZE = os.path.getsize(FILE)
CHUNK = 6 << 20
ENDPOINT = URL + "/upload/resumable"


class RebasingUploader(Uploader):
    def create_url(self):
        location = super().create_url()
        demand(location.startswith("https://"), "the location is somewhere else")
        return ENDPOINT + "/" + location.rsplit("/", 1)[1]


def uploader(name, **options):
    """A new client and a new uploader, as a restarted program would have them."""
    client = TusClient(ENDPOINT, headers={**HEADERS, "x-upsert": "true"})
    metadata = {
        "bucketName": BUCKET,
        "objectName": name,
        "contentType": "audio/wav",
        "cacheControl": "60",
        "metadata": json.dumps({"sha": "abc"}),
    }
    if "file_stream" not in options:
        options["file_path"] = FILE
    return RebasingUploader(client=client, chunk_size=CHUNK, metadata=metadata, retry_delay=1, **options)


def whole():
    for _ in range(2):
        upload = uploader("whole.wav")
        upload.upload()
        equal(upload.offset, SIZE, "all of it, over itself the second time")


def resume():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "urls.json")
        first = uploader("resume.wav", store_url=True, url_storage=FileStorage(path))
        first.upload(stop_at=CHUNK)
        second = uploader("resume.wav", store_url=True, url_storage=FileStorage(path))
        equal(second.offset, CHUNK, "the second client goes on after the first chunk")
        second.upload()
        equal(second.offset, SIZE, "all of it")


class BreakingBody(io.BytesIO):
    """A request body whose second half cannot be read: the connection breaks in the middle of it."""

    def __init__(self, data):
        super().__init__(data)
        self.left = len(data) // 2

    def read(self, count=-1):
        if self.left == 0:
            raise OSError("the disk went away")
        piece = super().read(self.left if count < 0 else min(count, self.left))
        self.left -= len(piece)
        return piece


class FlakyFile:
    """A file whose second chunk breaks once."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.broken = False

    def read(self, count=-1):
        begins = self.file.tell()
        data = self.file.read(count)
        if begins == CHUNK and not self.broken:
            self.broken = True
            return BreakingBody(data)
        return data

    def seek(self, *arguments):
        return self.file.seek(*arguments)

    def tell(self):
        return self.file.tell()


def flaky():
    stream = FlakyFile(FILE)
    upload = uploader("flaky.wav", file_stream=stream, retries=3)
    upload.upload()
    demand(stream.broken, "it broke")
    equal(upload.offset, SIZE, "all of it")


{"whole": whole, "resume": resume, "flaky": flaky}[sys.argv[1]]()
