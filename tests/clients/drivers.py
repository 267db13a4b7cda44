"""Plays one scenario with one client, and reports what a user of it would see.

All clients are told to call the platform itself; `diverted` leads them elsewhere.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import fal_client
import httpx

from fal_typed import AsyncFalClient, FalClient, FalHTTPError, FalTimeoutError

JS = Path(__file__).parent / "js"
KEY = "id:secret"
INTERVAL = 0.04
KINDS = {"Queued": "IN_QUEUE", "InProgress": "IN_PROGRESS", "Completed": "COMPLETED"}


def distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def content(size: int) -> bytes:
    return (b"fal-typed!" * (size // 10 + 1))[:size]


class Official:
    """PyPI `fal-client`, its sync client."""

    name = "fal_client"

    def __init__(self) -> None:
        self._opened: list[httpx.Client] = []
        self._patch = mock.patch.object(httpx.Client, "__init__", self._remembering())
        self._patch.start()
        self.client = fal_client.SyncClient(key=KEY)

    def _remembering(self) -> Any:
        original, opened = httpx.Client.__init__, self._opened

        def remember(client, *args, **options) -> None:
            original(client, *args, **options)
            opened.append(client)

        return remember

    def close(self) -> None:
        """It never closes its connections itself, and leaves some to the garbage collector."""
        self._patch.stop()
        for client in self._opened:
            client.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del self.client
            gc.collect()

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        try:
            return getattr(self, scenario["do"])(**arguments_of(scenario))
        except fal_client.client.FalClientTimeoutError:
            return {"error": {"timeout": True}}
        except fal_client.client.FalClientHTTPError as error:
            problems = error.message if isinstance(error.message, list) else []
            return {"error": error_of(error.status_code, [one["type"] for one in problems])}

    def run(self, endpoint, arguments):
        return {"data": self.client.run(endpoint, arguments)}

    def subscribe(
        self, endpoint, arguments, *, polling=False, logs=False, timeout=None, start_timeout=None
    ):
        statuses, lines = [], []

        def update(status) -> None:
            statuses.append(KINDS[type(status).__name__])
            lines.extend(entry["message"] for entry in getattr(status, "logs", None) or ())

        data = self.client.subscribe(
            endpoint,
            arguments,
            with_logs=logs,
            interval=INTERVAL,
            on_queue_update=update,
            client_timeout=timeout,
            start_timeout=start_timeout,
        )
        return {"data": data, "statuses": distinct(statuses), "logs": distinct(lines)}

    def queue(self, endpoint, arguments):
        request_id = self.client.submit(endpoint, arguments).request_id
        first = self.client.status(endpoint, request_id)
        data = self.client.result(endpoint, request_id)
        last = self.client.status(endpoint, request_id)
        return {
            "request_id": request_id,
            "first": KINDS[type(first).__name__],
            "last": KINDS[type(last).__name__],
            "data": data,
        }

    def cancel(self, endpoint, arguments):
        self.client.cancel(endpoint, self.client.submit(endpoint, arguments).request_id)
        return {"cancelled": True}

    def upload(self, size, content_type):
        return {"url": self.client.upload(content(size), content_type)}

    def stream(self, endpoint, arguments):
        events = list(self.client.stream(endpoint, arguments))
        return {"events": len(events), "data": events[-1]}

    def realtime(self, endpoint, inputs):
        with self.client.realtime(endpoint) as connection:
            results = []
            for one in inputs:
                connection.send(one)
                results.append(connection.recv())
        return {"results": results}

    def webhook(self, endpoint, arguments, webhook_url):
        submitted = self.client.submit(endpoint, arguments, webhook_url=webhook_url)
        return {"request_id": submitted.request_id}


class Ours:
    """fal-typed, in sync code."""

    name = "fal_typed"

    def __init__(self) -> None:
        self.client = FalClient(key=KEY)

    def close(self) -> None:
        self.client.close()

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        try:
            return getattr(self, scenario["do"])(**arguments_of(scenario))
        except FalHTTPError as error:
            return {"error": error_of(error.status_code, [one.type for one in error.errors])}
        except FalTimeoutError:
            return {"error": {"timeout": True}}

    def run(self, endpoint, arguments):
        return {"data": self.client.run(endpoint, arguments).raw}

    def subscribe(
        self, endpoint, arguments, *, polling=False, logs=False, timeout=None, start_timeout=None
    ):
        updates = []
        result = self.client.subscribe(
            endpoint,
            arguments,
            **queue_options(polling, logs, timeout, start_timeout),
            on_queue_update=updates.append,
        )
        return subscribed(result, updates)

    def queue(self, endpoint, arguments):
        handle = self.client.submit(endpoint, arguments)
        first = self.client.status(endpoint, handle.request_id)
        data = self.client.result(endpoint, handle.request_id).raw
        last = self.client.status(endpoint, handle.request_id)
        return {
            "request_id": handle.request_id,
            "first": first.status,
            "last": last.status,
            "data": data,
        }

    def cancel(self, endpoint, arguments):
        self.client.cancel(endpoint, self.client.submit(endpoint, arguments).request_id)
        return {"cancelled": True}

    def upload(self, size, content_type):
        return {"url": self.client.upload(content(size), content_type)}

    def stream(self, endpoint, arguments):
        events = list(self.client.stream(endpoint, arguments))
        return {"events": len(events), "data": events[-1]}

    def realtime(self, endpoint, inputs):
        with self.client.realtime(endpoint) as connection:
            results = []
            for one in inputs:
                connection.send(one)
                results.append(connection.recv())
        return {"results": results}

    def webhook(self, endpoint, arguments, webhook_url):
        submitted = self.client.submit(endpoint, arguments, webhook_url=webhook_url)
        return {"request_id": submitted.request_id}


class OursAsync:
    """fal-typed, in async code."""

    name = "fal_typed"

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.client = AsyncFalClient(key=KEY)

    def close(self) -> None:
        self._loop.run_until_complete(self.client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        try:
            action = getattr(self, scenario["do"])(**arguments_of(scenario))
            return self._loop.run_until_complete(action)
        except FalHTTPError as error:
            return {"error": error_of(error.status_code, [one.type for one in error.errors])}
        except FalTimeoutError:
            return {"error": {"timeout": True}}

    async def run(self, endpoint, arguments):
        return {"data": (await self.client.run(endpoint, arguments)).raw}

    async def subscribe(
        self, endpoint, arguments, *, polling=False, logs=False, timeout=None, start_timeout=None
    ):
        updates = []
        result = await self.client.subscribe(
            endpoint,
            arguments,
            **queue_options(polling, logs, timeout, start_timeout),
            on_queue_update=updates.append,
        )
        return subscribed(result, updates)

    async def queue(self, endpoint, arguments):
        handle = await self.client.submit(endpoint, arguments)
        first = await self.client.status(endpoint, handle.request_id)
        data = (await self.client.result(endpoint, handle.request_id)).raw
        last = await self.client.status(endpoint, handle.request_id)
        return {
            "request_id": handle.request_id,
            "first": first.status,
            "last": last.status,
            "data": data,
        }

    async def cancel(self, endpoint, arguments):
        handle = await self.client.submit(endpoint, arguments)
        await self.client.cancel(endpoint, handle.request_id)
        return {"cancelled": True}

    async def upload(self, size, content_type):
        return {"url": await self.client.upload(content(size), content_type)}

    async def stream(self, endpoint, arguments):
        events = [event async for event in self.client.stream(endpoint, arguments)]
        return {"events": len(events), "data": events[-1]}

    async def realtime(self, endpoint, inputs):
        async with self.client.realtime(endpoint) as connection:
            results = []
            for one in inputs:
                await connection.send(one)
                results.append(await connection.recv())
        return {"results": results}

    async def webhook(self, endpoint, arguments, webhook_url):
        submitted = await self.client.submit(endpoint, arguments, webhook_url=webhook_url)
        return {"request_id": submitted.request_id}


class JavaScript:
    """npm `@fal-ai/client`, in a process of Node's."""

    name = "@fal-ai/client"

    def __init__(self, ports: dict[str, int], variables: dict[str, str]) -> None:
        self._node = subprocess.Popen(
            ["node", "--experimental-websocket", "--no-warnings", JS / "driver.cjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PATH": os.environ["PATH"], **variables, "FAL_DIVERT": json.dumps(ports)},
        )

    def close(self) -> None:
        with self._node as node:
            node.stdin.close()

    def play(self, scenario: dict[str, Any]) -> dict[str, Any]:
        self._node.stdin.write(json.dumps(scenario) + "\n")
        self._node.stdin.flush()
        return json.loads(self._node.stdout.readline())


def arguments_of(scenario: dict[str, Any]) -> dict[str, Any]:
    own = {key: scenario[key] for key in ("endpoint", "arguments", "inputs") if key in scenario}
    return {**own, **scenario.get("options", {})}


def queue_options(polling, logs, timeout, start_timeout) -> dict[str, Any]:
    interval = INTERVAL if polling else None
    return {
        "interval": interval,
        "with_logs": logs,
        "timeout": timeout,
        "start_timeout": start_timeout,
    }


def subscribed(result, updates) -> dict[str, Any]:
    logs = [entry.message for update in updates for entry in getattr(update, "logs", None) or ()]
    statuses = distinct(update.status for update in updates)
    return {"data": result.raw, "statuses": statuses, "logs": distinct(logs)}


def error_of(status: int, types: list[str]) -> dict[str, Any]:
    return {"status": status, "types": types}
