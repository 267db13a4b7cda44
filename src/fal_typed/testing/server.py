"""`FalEmulator`: the emulator on a real socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from typing_extensions import Self
from uvicorn import Config
from uvicorn.server import ServerState

from fal_typed._documents.catalog import Catalog
from fal_typed.testing.app import App
from fal_typed.testing.clock import Clock
from fal_typed.testing.emulation import Emulation
from fal_typed.testing.protocol import HttpConnection
from fal_typed.testing.recording import RequestLog
from fal_typed.testing.services import HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from fal_typed.testing.certificates import Certificates
    from fal_typed.testing.faults import Fault, FaultPlan
    from fal_typed.testing.files import Files
    from fal_typed.testing.jobs import Jobs
    from fal_typed.testing.recording import RecordedRequest
    from fal_typed.testing.scripts import EndpointScript
    from fal_typed.testing.tape import Player, Recorder
    from fal_typed.testing.webhooks import Webhooks


class FalEmulator:
    """The fal platform on loopback: no key, no network, no bill.

    Use it as a context manager, plain or async. Clients reach it by the variables of
    `environ`, or by its URL with the platform's host name as the first path segment.

    Args:
        schemas: Folder or archive of endpoint documents; None for those of fal-typed.
        host: Address to listen on.
        port: Port to listen on; 0 for any free one.
        queue_time: Seconds that jobs wait in the queue, unless scripted otherwise.
        run_time: Seconds that runs take, unless scripted otherwise.
        seed: Another seed gives other answers to the same inputs.
        keys: Keys that are let in, or a mapping of keys to their scope (``API`` or ``ADMIN``);
            None lets everybody in, with a key or without.
        faults: Faults on the wire that happen at random; None for none.
        clock: The emulator's time; a `VirtualClock` makes a test independent of speed.
        tls: Whether it speaks TLS, with a certificate for this machine and for the platform's
            hosts; `ca_file` is what clients must trust.
        on_answer: Called with each request once it was answered, in the emulator's thread.
        tape: A `Recorder` that asks the live platform and keeps its answers, or a `Player` that
            gives them again; None for answers made from schemas.

    Raises:
        OSError: The port is taken.

    >>> with FalEmulator() as emulator:
    ...     emulator.environ()["FAL_EMULATOR_HOST"] == emulator.host
    True
    """

    def __init__(
        self,
        *,
        schemas: Path | str | Catalog | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        queue_time: float = 0.0,
        run_time: float = 0.05,
        seed: int = 0,
        keys: Collection[str] | Mapping[str, str] | None = None,
        faults: FaultPlan | None = None,
        clock: Clock | None = None,
        tls: bool = False,
        on_answer: Callable[[RecordedRequest], object] | None = None,
        tape: Recorder | Player | None = None,
    ) -> None:
        self._tape = tape
        self.clock = clock or Clock()
        """The emulator's time."""
        self.requests = RequestLog(on_answer=on_answer)
        """Every request that came in."""
        self._emulation = Emulation(
            Catalog.of(schemas),
            self.clock,
            queue_time=queue_time,
            run_time=run_time,
            seed=seed,
            keys=keys,
            faults=faults,
        )
        self._bind = (host, port)
        self._tls = tls
        self._certificates: Certificates | None = None
        self._address: tuple[str, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._state = ServerState()

    @property
    def host(self) -> str:
        """Address and port, e.g. ``127.0.0.1:8765``; what ``FAL_EMULATOR_HOST`` takes."""
        if self._address is None:
            raise RuntimeError("the emulator is not running: use it as a context manager")
        name, port = self._address
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    @property
    def url(self) -> str:
        """Base URL, e.g. ``http://127.0.0.1:8765``."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    @property
    def ca_file(self) -> Path:
        """Certificate of the authority that clients must trust, a PEM file; there with TLS only."""
        if self._certificates is None:
            raise RuntimeError("there is a certificate only while an emulator with tls=True runs")
        return self._certificates.ca_file

    @property
    def jobs(self) -> Jobs:
        """Every job that the queue accepted."""
        return self._emulation.jobs

    @property
    def files(self) -> Files:
        """Every file that was uploaded."""
        return self._emulation.files

    @property
    def webhooks(self) -> Webhooks:
        """Every attempt to deliver a webhook."""
        return self._emulation.webhooks

    def environ(self) -> dict[str, str]:
        """Environment variables that point clients at the emulator.

        Returns:
            ``FAL_EMULATOR_HOST`` for fal-typed; with TLS instead those by which OpenSSL, Python's
            HTTP clients and Node trust its certificate.
        """
        if not self._tls:
            return {"FAL_EMULATOR_HOST": self.host}
        return dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(self.ca_file))

    def diverted(self) -> AbstractContextManager[None]:
        """Lead this process's connections to the platform's own hosts to the emulator.

        For code whose hosts are fixed, such as that of the official client. Needs TLS, as those
        hosts are called by https only.

        Returns:
            A context manager; at its end all is as before.

        Raises:
            RuntimeError: The emulator does not run, or without TLS.

        >>> import urllib.request
        >>> with FalEmulator(tls=True) as emulator, emulator.diverted():
        ...     urllib.request.urlopen("https://rest.fal.ai/.well-known/jwks.json").status
        200
        """
        from fal_typed.testing.diverting import diverted

        variables = {**self.environ(), "REQUESTS_CA_BUNDLE": str(self.ca_file)}
        name, _, port = self.host.rpartition(":")
        here = {"0.0.0.0": "127.0.0.1"}.get(name, name)  # noqa: S104
        return diverted(dict.fromkeys(HOSTS, (here, int(port))), variables)

    def endpoint(self, endpoint_id: str) -> EndpointScript:
        """Script an endpoint; one that has no document comes into being by this.

        Args:
            endpoint_id: Its id, e.g. ``fal-ai/flux/dev``.

        Returns:
            The endpoint's script, the same one each time.
        """
        return self._emulation.models.script(endpoint_id)

    def reset(self) -> None:
        """Forget all scripts, jobs, uploads, webhooks and recorded requests."""
        self._emulation.reset()
        self.requests.clear()

    def fault(self, fault: Fault, *, times: int | None = 1) -> None:
        """Let something go wrong on the wire, whatever the endpoint.

        Args:
            fault: What, and on which route.
            times: How often; None for ever.
        """
        self._emulation.faults.add(fault, times)

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run something in the emulator's thread, e.g. to release an async handler.

        Args:
            callback: Called there soon, without arguments.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(callback)

    def start(self) -> None:
        """Start serving; the context manager does this.

        Raises:
            OSError: The port is taken.
        """
        listener = _listen(self._bind)
        self._address = listener.getsockname()[:2]
        if self._tls:
            from fal_typed.testing.certificates import Certificates  # costs what most need not pay

            self._certificates = Certificates(self._bind[0])
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(listener, ready), name="fal-emulator", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Stop serving; open connections are closed at once."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        self._emulation.files.clear()
        if self._certificates is not None:
            self._certificates.close()
            self._certificates = None

    def _run(self, listener: socket.socket, ready: Future[None]) -> None:
        try:
            self._serve(listener, ready)
        except Exception as error:
            if ready.done():
                raise
            listener.close()
            if self._loop is not None:
                self._loop.close()
            ready.set_exception(error)  # whoever starts the emulator waits for it

    def _serve(self, listener: socket.socket, ready: Future[None]) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        config = Config(
            App(self._emulation, self.requests, self._tape),
            http=HttpConnection,
            ws="none",  # our connections upgrade themselves
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            ws_max_size=1 << 30,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        config.load()

        def connection() -> asyncio.Protocol:
            return HttpConnection(config, self._state, {}, loop)

        context = self._certificates.context if self._certificates else None
        server = loop.run_until_complete(loop.create_server(connection, sock=listener, ssl=context))
        loop.call_soon(ready.set_result, None)
        try:
            loop.run_forever()
        finally:
            server.close()
            loop.run_until_complete(self._close())
            loop.close()

    async def _close(self) -> None:
        """End what is still going on, without waiting for any client."""
        for connection in list(self._state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # lets every request learn that its client is gone
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)


def _listen(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every
    # answer of two packets waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(4096)
    except OSError:
        listener.close()
        raise
    return listener
