"""Every transport, called in the same way."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from fal_typed._transport.aiohttp import AiohttpTransport
from fal_typed._transport.httpx import AsyncHttpxTransport, HttpxTransport
from fal_typed._transport.pool import AsyncPoolTransport, PoolTransport

ALL = [HttpxTransport, PoolTransport, AsyncHttpxTransport, AsyncPoolTransport, AiohttpTransport]


class Subject:
    """A transport whose methods are called the same way, whether sync or async."""

    def __init__(self, kind):
        self.loop = asyncio.new_event_loop()
        self.transport = self.wait(self._made(kind))

    async def _made(self, kind):
        return kind()

    def wait(self, value):
        return self.loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def __getattr__(self, name):
        return lambda *args: self.wait(getattr(self.transport, name)(*args))

    def both(self, request):
        """Send the same request twice at the same time, if this is an async transport."""

        async def gathered():
            return await asyncio.gather(self.transport.send(request), self.transport.send(request))

        return self.wait(gathered())


@pytest.fixture(params=ALL, ids=lambda kind: kind.__name__)
def subject(request):
    subject = Subject(request.param)
    yield subject
    subject.close()
    subject.loop.run_until_complete(subject.loop.shutdown_default_executor())
    subject.loop.close()
