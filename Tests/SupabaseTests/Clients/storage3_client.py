"""Supabase's own client against what claims to be its server: `storage3_client.py`.

URL   the storage API, such as http://127.0.0.1:5000/storage/v1
KEY   a service key
"""

import os
import urllib.error
import urllib.request

from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError
from tusclient.client import TusClient

URL, KEY = os.environ["URL"], os.environ["KEY"]
HEADERS = {"Authorization": f"Bearer {KEY}", "apikey": KEY}
PIECE = 6 * 1024 * 1024


def refused(action, status):
    """Holds an action to be refused with this status in the body."""
    try:
        result = action()
    except StorageApiError as error:
        assert str(error.status) == str(status), (error.status, error.code, error.message)
        return error
    raise AssertionError(f"not refused: {result}")


def buckets(client):
    client.create_bucket("mine", options={"public": False, "file_size_limit": 50_000_000})
    refused(lambda: client.create_bucket("mine"), 409)
    bucket = client.get_bucket("mine")
    assert (bucket.id, bucket.name, bucket.public, bucket.file_size_limit) == ("mine", "mine", False, 50_000_000)
    refused(lambda: client.get_bucket("none"), 404)
    assert "mine" in [bucket.id for bucket in client.list_buckets()]
    client.update_bucket("mine", {"public": True})
    assert client.get_bucket("mine").public
    client.update_bucket("mine", {"public": False})


def objects(box):
    sound = {"content-type": "audio/wav", "cache-control": "60", "metadata": {"whose": "ours"}}
    made = box.upload("a/b c.wav", b"one", sound)
    assert made.full_path == "mine/a/b c.wav", made
    refused(lambda: box.upload("a/b c.wav", b"two"), 409)
    box.upload("a/b c.wav", b"two", {"x-upsert": "true", **sound})
    box.update("a/b c.wav", b"three", sound)
    assert box.download("a/b c.wav") == b"three"
    refused(lambda: box.download("a/none"), 404)
    info = box.info("a/b c.wav")
    assert (info["size"], info["content_type"], info["name"]) == (5, "audio/wav", "a/b c.wav"), info
    assert info["metadata"] == {"whose": "ours"}, info
    assert info["etag"].startswith('"') and info["last_modified"] and info["version"] and info["id"], info
    assert box.exists("a/b c.wav") and not box.exists("a/none")
    refused(lambda: box.upload("ü", b"x"), 400)


def listings(box):
    for number in range(7):
        box.upload(f"many/{number}", b"x" * number)
    listed = box.list("many", {"limit": 3, "offset": 2})
    assert [entry["name"] for entry in listed] == ["2", "3", "4"], listed
    assert listed[0]["metadata"]["size"] == 2, listed
    assert [entry["name"] for entry in box.list()] == ["a", "many"]
    names, cursor = [], None
    while True:
        page = box.list_v2({"prefix": "many/", "limit": 3, **({"cursor": cursor} if cursor else {})})
        names += [entry.name for entry in page.objects]
        assert all(entry.metadata["eTag"].startswith('"') and entry.updated_at for entry in page.objects), page
        if not page.hasNext:
            break
        assert page.nextCursor and page.nextCursor != cursor
        cursor = page.nextCursor
    assert names == [f"many/{number}" for number in range(7)], names
    folders = box.list_v2({"with_delimiter": True})
    assert [folder.name for folder in folders.folders] == ["a/", "many/"], folders


def changes(box):
    box.move("many/1", "moved/1")
    assert not box.exists("many/1") and box.download("moved/1") == b"x"
    refused(lambda: box.move("many/1", "moved/2"), 404)
    refused(lambda: box.move("many/2", "moved/1"), 409)
    box.copy("many/2", "moved/2")
    assert box.download("many/2") == box.download("moved/2") == b"xx"
    removed = box.remove(["moved/1", "never/there", "moved/2"])
    assert sorted(entry["name"] for entry in removed) == ["moved/1", "moved/2"], removed
    assert box.remove(["never/there"]) == []


def links(box):
    box.upload("link/a&b.txt", b"signed", {"content-type": "text/plain"})
    signed = box.create_signed_url("link/a&b.txt", 60, {"download": "Name.txt"})
    url = signed.get("signedURL") or signed["signedUrl"]
    assert url.startswith(URL + "/object/sign/mine/link/"), url
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == b"signed" and "Name.txt" in reply.headers["Content-Disposition"]
        assert reply.headers["Expires"] and not reply.headers["Cache-Control"], reply.headers
    refused(lambda: box.create_signed_url("link/none", 60), 404)
    several = box.create_signed_urls(["link/a&b.txt", "link/none"], 60)
    assert [bool(one["error"]) for one in several] == [False, True], several
    wrong = url.replace("link/a", "many/3?x=").split("token=")[0] + "token=" + url.split("token=")[1]
    try:
        urllib.request.urlopen(wrong)
        raise AssertionError("a token of one object opened another")
    except urllib.error.HTTPError as error:
        assert error.code == 400, error
    upload = box.create_signed_upload_url("link/up.txt")
    box.upload_to_signed_url("link/up.txt", upload["token"], b"up", {"content-type": "text/plain"})
    assert box.download("link/up.txt") == b"up"




def resumable(box):
    path = os.environ["FILE"]
    size = os.path.getsize(path)
    client = TusClient(f"{URL}/upload/resumable", headers={**HEADERS, "x-upsert": "true"})
    metadata = {"bucketName": "mine", "objectName": "tus/big", "contentType": "audio/wav", "cacheControl": "0"}
    first = client.uploader(path, chunk_size=PIECE, metadata=metadata)
    first.set_url(first.create_url())
    # The server names itself as the world sees it, which is not how it is reached here.
    name = first.url.rsplit("/", 1)[1]
    first.set_url(f"{URL}/upload/resumable/{name}")
    first.upload_chunk()
    assert first.offset == PIECE
    again = client.uploader(path, chunk_size=PIECE, url=first.url, metadata=metadata)
    assert again.offset == PIECE, again.offset
    assert not box.exists("tus/big")
    again.upload()
    with open(path, "rb") as file:
        assert box.download("tus/big") == file.read()
    info = box.info("tus/big")
    assert (info["size"], info["content_type"]) == (size, "audio/wav"), info


client = SyncStorageClient(URL, HEADERS)
buckets(client)
box = client.from_("mine")
for part in (objects, listings, changes, links, resumable):
    part(box)
stranger = SyncStorageClient(URL, {"Authorization": f"Bearer {os.environ['ANON']}", "apikey": os.environ["ANON"]})
refused(lambda: stranger.from_("mine").upload("x", b"x"), 403)
assert stranger.from_("mine").list() == []
client.empty_bucket("mine")
client.delete_bucket("mine")
refused(lambda: client.get_bucket("mine"), 404)
print("well")
