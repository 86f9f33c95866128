"""Uploads FILE with tuspy: `tuspy_upload.py whole|resume|checksum|flaky`. Settings: see settings.py."""

import io
import os
import tempfile

import requests
from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

import settings

FILE = settings.need("FILE")
SIZE = os.path.getsize(FILE)


def uploader(**options):
    """A new client and a new uploader, as a restarted program would have them."""
    client = TusClient(settings.endpoint(), headers=settings.credentials())
    if "file_stream" not in options:
        options["file_path"] = FILE
    return client.uploader(chunk_size=settings.chunk(), metadata=settings.metadata(), retry_delay=1, **options)


def finish(upload):
    """Uploads the rest, asks the server how far it is, and reports."""
    upload.upload()
    settings.demand(upload.offset == SIZE, f"tuspy stopped at {upload.offset} of {SIZE}")
    answer = requests.head(upload.url, headers={"Tus-Resumable": "1.0.0", **settings.credentials()}, timeout=10)
    settings.demand(answer.ok, f"HEAD of the finished upload answered {answer.status_code}")
    for name in ("Upload-Offset", "Upload-Length"):
        settings.demand(answer.headers.get(name) == str(SIZE), f"{name} is {answer.headers.get(name)}, not {SIZE}")
    report = {"url": upload.url, "offset": upload.offset}
    if "custode-object" in upload.request.response_headers:
        report["object"] = upload.request.response_headers["custode-object"]
    settings.succeed(**report)


def whole():
    finish(uploader())


def checksum():
    finish(uploader(upload_checksum=True))


def resume():
    """The first client uploads a part; the second finds its URL in the storage file and goes on from there."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "urls.json")
        first = uploader(store_url=True, url_storage=FileStorage(path))
        first.upload(stop_at=SIZE // 2)
        second = uploader(store_url=True, url_storage=FileStorage(path))
        settings.demand(second.url == first.url, "the second client did not find the first one's upload")
        settings.demand(second.offset == SIZE // 2, f"the server has {second.offset} bytes, not {SIZE // 2}")
        finish(second)


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
    """A file that breaks once, at the first read past its middle, and is well afterwards."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.broken = False

    def read(self, count=-1):
        middle = self.file.tell() + max(count, 0) > SIZE // 2
        data = self.file.read(count)
        if middle and not self.broken:
            self.broken = True
            return BreakingBody(data)
        return data

    def seek(self, *arguments):
        return self.file.seek(*arguments)

    def tell(self):
        return self.file.tell()


def flaky():
    stream = FlakyFile(FILE)
    upload = uploader(file_stream=stream, retries=3)
    upload.upload()
    settings.demand(stream.broken, "the stream never broke: FILE is too small")
    finish(upload)


settings.run({"whole": whole, "resume": resume, "checksum": checksum, "flaky": flaky})
