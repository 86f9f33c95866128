"""Supabase's own client does everything that it can do to a project's storage."""

import httpx
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from project import HEADERS, URL, demand, equal


def refusal(call, *arguments, **options):
    """The inner status and the name of the error that a call raises."""
    try:
        call(*arguments, **options)
    except StorageApiError as error:
        return str(error.status), error.code
    return None


client = SyncStorageClient(URL + "/", HEADERS)

client.create_bucket("calls", options={"public": False, "file_size_limit": 100_000, "allowed_mime_types": ["text/plain"]})
equal(refusal(client.create_bucket, "calls"), ("409", "Duplicate"), "a second bucket of the name")
bucket = client.get_bucket("calls")
equal((bucket.id, bucket.public, bucket.file_size_limit), ("calls", False, 100_000), "the bucket")
equal(refusal(client.get_bucket, "absent"), ("404", "Bucket not found"), "an absent bucket")
demand("calls" in [each.id for each in client.list_buckets()], "the bucket is listed")
client.update_bucket("calls", {"public": False, "allowed_mime_types": ["text/plain", "audio/*"]})
equal(client.get_bucket("calls").allowed_mime_types, ["text/plain", "audio/*"], "the changed bucket")

files = client.from_("calls")
made = files.upload("a/one.txt", b"one", {"content-type": "text/plain", "metadata": {"kind": "first"}})
equal(made.full_path, "calls/a/one.txt", "an upload")
equal(refusal(files.upload, "x", b"x"), ("415", "invalid_mime_type"), "the client's own type has a parameter, which counts")
again = {"content-type": "text/plain"}
equal(refusal(files.upload, "a/one.txt", b"two", again), ("409", "Duplicate"), "an upload over it")
equal(files.download("a/one.txt"), b"one", "which left it")
files.upload("a/one.txt", b"two", {"upsert": "true", "content-type": "text/plain", "cache-control": "60"})
equal(files.download("a/one.txt"), b"two", "an upsert")
files.update("a/one.txt", b"three", {"content-type": "text/plain", "metadata": {"kind": "third"}})
equal(files.download("a/one.txt"), b"three", "an update")
equal(refusal(files.upload, "x", b"x", {"content-type": "image/png"}), ("415", "invalid_mime_type"), "another type")
equal(
    refusal(files.upload, "x", b"x" * 100_001, {"content-type": "text/plain"}), ("413", "Payload too large"), "a large one"
)
equal(refusal(files.upload, "ä", b"x", {"content-type": "text/plain"}), ("400", "InvalidKey"), "a key of other characters")

info = files.info("a/one.txt")
equal((info["size"], info["content_type"], info["metadata"]), (5, "text/plain", {"kind": "third"}), "the info")
equal(info["cache_control"], "max-age=3600", "the client's own cache control")
demand(files.exists("a/one.txt"), "it exists")
demand(not files.exists("a/none.txt"), "another does not")
equal(refusal(files.download, "a/none.txt"), ("404", "not_found"), "an absent one")

files.copy("a/one.txt", "a/two.txt")
files.move("a/two.txt", "b/two.txt")
equal(refusal(files.move, "b/two.txt", "a/one.txt"), ("409", "Duplicate"), "a move over another")
equal(refusal(files.move, "a/none.txt", "c"), ("404", "not_found"), "a move of an absent one")
equal(files.download("b/two.txt"), b"three", "copied and moved")

for number in range(5):
    files.upload(f"many/{number}", b"x", {"content-type": "text/plain"})
names = [each["name"] for each in files.list("many", {"limit": 3, "offset": 1})]
equal(names, ["1", "2", "3"], "a list, relative to its folder")
top = files.list()
equal([(each["name"], each["id"]) for each in top], [("a", None), ("b", None), ("many", None)], "folders")
found, cursor = [], None
while True:
    options = {"prefix": "many/", "limit": 2}
    if cursor:
        options["cursor"] = cursor
    page = files.list_v2(options)
    found += [each.name for each in page.objects]
    if not page.hasNext:
        break
    cursor = page.nextCursor
equal(found, [f"many/{number}" for number in range(5)], "the second list, in three pages")
page = files.list_v2({"with_delimiter": True})
equal([each.name for each in page.folders], ["a/", "b/", "many/"], "folders in the second list")
back = files.list_v2({"prefix": "many/", "limit": 2, "sortBy": {"column": "name", "order": "desc"}})
equal([each.name for each in back.objects], ["many/4", "many/3"], "backwards")

one = files.create_signed_url("a/one.txt", 60, {"download": "name.txt"})
answer = httpx.get(one["signedURL"])
equal((answer.status_code, answer.content), (200, b"three"), "a signed URL")
demand("name.txt" in answer.headers["content-disposition"], "with a name")
demand("expires" in answer.headers and "cache-control" not in answer.headers, "with its end in place of a cache control")
equal(refusal(files.create_signed_url, "a/none.txt", 60), ("404", "not_found"), "none for an absent one")
several = files.create_signed_urls(["a/one.txt", "a/none.txt"], 60)
equal([each["error"] is None for each in several], [True, False], "several, with errors of their own")
equal(httpx.get(several[0]["signedURL"]).content, b"three", "of which one is good")

link = files.create_signed_upload_url("c/signed.txt")
files.upload_to_signed_url("c/signed.txt", link["token"], b"signed", {"content-type": "text/plain"})
equal(files.download("c/signed.txt"), b"signed", "an upload by link")

gone = files.remove(["many/0", "many/none", "many/1"])
equal(sorted(each["name"] for each in gone), ["many/0", "many/1"], "removed, and silent about the absent one")
equal(refusal(client.delete_bucket, "calls"), ("409", "ResourceNotEmpty"), "a bucket that is not empty")
client.empty_bucket("calls")
client.delete_bucket("calls")
equal(refusal(client.get_bucket, "calls"), ("404", "Bucket not found"), "emptied and gone")
