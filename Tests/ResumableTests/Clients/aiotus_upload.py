"""Uploads FILE with aiotus: `aiotus_upload.py whole|metadata|parallel`. Settings: see settings.py.

aiotus cannot follow a relative `Location`, so these also prove that the server sends absolute ones.
"""

import asyncio
import io

import aiohttp
import aiotus

import settings

CONFIG = aiotus.RetryConfiguration(retry_attempts=3, max_retry_period_seconds=1)
METADATA = {key: value.encode() for key, value in settings.metadata().items()}
with open(settings.need("FILE"), "rb") as opened:
    DATA = opened.read()


async def upload():
    location = await aiotus.upload(
        settings.endpoint(),
        io.BytesIO(DATA),
        METADATA,
        config=CONFIG,
        headers=settings.credentials(),
        chunksize=settings.chunk(),
    )
    settings.demand(location is not None, "aiotus gave up; its log says why")
    return location


async def head(url):
    """The headers of the upload, which must be complete."""
    headers = {"Tus-Resumable": "1.0.0", **settings.credentials()}
    async with aiohttp.ClientSession() as session, session.head(url, headers=headers) as answer:
        settings.demand(answer.status in (200, 204), f"HEAD of the finished upload answered {answer.status}")
        for name in ("Upload-Offset", "Upload-Length"):
            found = answer.headers.get(name)
            settings.demand(found == str(len(DATA)), f"{name} is {found}, not {len(DATA)}")
        return answer.headers


async def whole():
    location = await upload()
    await head(location)
    settings.succeed(url=str(location), offset=len(DATA))


async def metadata():
    location = await upload()
    echoed = await aiotus.metadata(location, config=CONFIG, headers=settings.credentials())
    settings.demand(echoed == METADATA, f"sent the metadata {METADATA}, got {echoed} back")
    settings.succeed(url=str(location), offset=len(DATA))


async def parallel():
    """Three parts at once, without metadata; the final POST joins them and carries it."""
    third = len(DATA) // 3
    parts = [DATA[:third], DATA[third : 2 * third], DATA[2 * third :]]
    location = await aiotus.upload_multiple(
        settings.endpoint(),
        [io.BytesIO(part) for part in parts],
        METADATA,
        config=CONFIG,
        headers=settings.credentials(),
        chunksize=settings.chunk(),
        parallel_uploads=3,
    )
    settings.demand(location is not None, "aiotus gave up; its log says why")
    headers = await head(location)
    concat = headers.get("Upload-Concat", "")
    settings.demand(concat.startswith("final;"), f"Upload-Concat of the final upload is {concat!r}")
    settings.succeed(url=str(location), offset=len(DATA))


settings.run({name: lambda work=work: asyncio.run(work()) for name, work in
              {"whole": whole, "metadata": metadata, "parallel": parallel}.items()})
