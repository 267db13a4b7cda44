"""A fal app for tests, served on loopback by fal's server framework.

    .venv-fal/bin/python tests/real_app/app.py [CERTIFICATE KEY]

prints the address it listens on and serves until its standard input is closed, over TLS if it gets
the files of a certificate. The app is below `/tests/echo`, as on the platform.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import fal
import uvicorn
from fal.exceptions import AppException, FieldException
from fal.ref import set_current_app
from fal.toolkit import Image
from fastapi import WebSocket
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

PREFIX = "/tests/echo"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


class EchoInput(BaseModel):
    prompt: str = Field(max_length=100)
    seed: int | None = Field(default=None, ge=0)


class EchoOutput(BaseModel):
    text: str
    seed: int | None = None


class ImagesOutput(BaseModel):
    images: list[Image]


class FailInput(BaseModel):
    how: str


class StreamInput(BaseModel):
    prompt: str
    count: int = Field(default=3, ge=0)
    break_at: int | None = None


class Message(BaseModel):
    prompt: str = ""
    blob: bytes | None = None
    fail: bool = False


class Reply(BaseModel):
    text: str
    blob: bytes | None = None


def pack_json(value: Any) -> bytes:
    return json.dumps(value).encode()


class Echo(fal.App, name="echo"):
    @fal.endpoint("/")
    def echo(self, given: EchoInput) -> EchoOutput:
        return EchoOutput(text=given.prompt, seed=given.seed)

    @fal.endpoint("/image")
    def image(self, given: EchoInput) -> ImagesOutput:
        return ImagesOutput(images=[Image.from_bytes(PIXEL, "png", repository="in_memory")])

    @fal.endpoint("/fail")
    def fail(self, given: FailInput) -> EchoOutput:
        if given.how == "field":
            raise FieldException("how", "This is not a way to fail")
        if given.how == "app":
            raise AppException("The kettle is empty", 418)
        raise RuntimeError("uncaught")

    @fal.endpoint("/stream")
    async def stream(self, given: StreamInput) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            for number in range(given.count):
                if number == given.break_at:
                    raise RuntimeError("the model broke")
                event = {"text": given.prompt[: number + 1], "number": number}
                yield f"data: {json.dumps(event)}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @fal.realtime("/realtime", buffering=60, session_timeout=5)
    def unary(self, given: Message) -> Reply:
        if given.fail:
            raise ValueError("the model broke")
        return Reply(text=given.prompt, blob=given.blob)

    @fal.realtime("/realtime/server", session_timeout=1)
    def server_streaming(self, given: Message) -> Iterator[Reply]:
        for number in range(3):
            yield Reply(text=f"{given.prompt}{number}")

    @fal.realtime("/realtime/client", session_timeout=1)
    async def client_streaming(self, inputs: AsyncIterator[Message]) -> Reply:
        return Reply(text=" ".join([message.prompt async for message in inputs]))

    @fal.realtime("/realtime/both", session_timeout=1)
    async def bidirectional(self, inputs: AsyncIterator[Message]) -> AsyncIterator[Reply]:
        async for message in inputs:
            yield Reply(text=message.prompt.upper())

    @fal.realtime(
        "/realtime/json",
        session_timeout=5,
        content_type="application/json",
        encode_message=pack_json,
        decode_message=json.loads,
    )
    def with_json(self, given: Message) -> Reply:
        return Reply(text=given.prompt)

    @fal.endpoint("/ws", is_websocket=True)
    async def plain(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.close()


def application() -> Any:
    # Outside the platform, apps can only be created with this flag.
    app = Echo(_allow_init=True)
    set_current_app(app)
    inner = app._build_app()

    async def prefixed(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            below = path.removeprefix(PREFIX) or "/"
            scope = {**scope, "path": below, "raw_path": below.encode()}
        await inner(scope, receive, send)

    return prefixed


def main() -> None:
    certificate, key = sys.argv[1:3] if len(sys.argv) > 1 else (None, None)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)  # clients can connect from now on, and wait until the app has started
    server = uvicorn.Server(
        uvicorn.Config(
            application(),
            lifespan="on",
            log_level="critical",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )

    def stop_with_the_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_the_parent, daemon=True).start()
    host, port = listener.getsockname()
    print(f"{host}:{port}", flush=True)
    # Nobody reads further output, and a full pipe would block the server.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
