"""Files of async code: of Starlette and FastAPI, anyio, aiofiles and others."""

from __future__ import annotations

import asyncio
import io
import tempfile
from typing import Any

import anyio
import httpx
import pytest
from starlette.datastructures import Headers, UploadFile

from fal_typed import AsyncFalClient, FalClient, FalInputError
from fal_typed._transport import selection

aiofiles: Any = pytest.importorskip("aiofiles")  # it comes with fal_client
CONTENT = bytes(range(256)) * 40
ID = "fal-ai/flux/dev/image-to-image"


class Own:
    """A file of a program's own, of which only `read` is known."""

    def __init__(self):
        self._inner = io.BytesIO(CONTENT)

    async def read(self, size=-1, /):
        return self._inner.read(min(size, 1000))


async def of_starlette(_path):
    return UploadFile(
        io.BytesIO(CONTENT), filename="cat.png", headers=Headers({"content-type": "image/png"})
    )


async def spooled(_path):
    file: Any = tempfile.SpooledTemporaryFile()  # noqa: SIM115 - closed by the test
    file.write(CONTENT)
    file.seek(0)
    return UploadFile(file, filename="cat.png")


async def of_anyio(path):
    return await anyio.open_file(path, "rb")


async def of_aiofiles(path):
    return await aiofiles.open(path, "rb")


async def own(_path):
    return Own()


FILES = [of_starlette, spooled, of_anyio, of_aiofiles, own]


@pytest.fixture(params=["aiohttp", "pool", "httpx"])
def transport(request, monkeypatch):
    monkeypatch.setattr(selection, "has_aiohttp", lambda: request.param == "aiohttp")
    return request.param


@pytest.mark.parametrize("opened", FILES, ids=lambda function: function.__name__)
def test_an_async_file_is_uploaded_in_async_code(opened, transport, tmp_path, fal_emulator):
    path = tmp_path / "cat.png"
    path.write_bytes(CONTENT)

    async def main():
        async with httpx.AsyncClient() as http:
            options: Any = {"http_client": http} if transport == "httpx" else {}
            async with AsyncFalClient("key", **options) as client:
                file = await opened(path)
                url = await client.upload(file)
                assert (await http.get(url)).content == CONTENT
                await close(file)
                file = await opened(path)
                await client.run(ID, {"prompt": "a cat", "image_url": file})
                await close(file)

    asyncio.run(main())


async def close(file):
    closing = getattr(file, "aclose", None) or getattr(file, "close", None)
    if closing is not None:
        await closing()


def test_the_name_and_media_type_of_an_uploaded_file_are_kept(fal_emulator):
    async def main():
        async with AsyncFalClient("key") as client:
            return await client.upload(await of_starlette(None))

    response = httpx.get(asyncio.run(main()))
    assert response.headers["content-type"] == "image/png"
    assert str(response.url).endswith("cat.png")


def test_sync_code_reads_the_file_inside_or_says_why_not(fal_emulator, tmp_path):
    with FalClient("key") as client:
        inside = UploadFile(io.BytesIO(CONTENT), filename="cat.png")
        assert httpx.get(client.upload(inside)).content == CONTENT
        with pytest.raises(FalInputError, match="async file"):
            client.upload(Own())
