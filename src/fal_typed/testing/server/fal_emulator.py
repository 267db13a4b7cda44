"""`FalEmulator`: the emulator on a real socket, in its own thread."""

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

from fal_typed._core.caller_warnings import warn_caller
from fal_typed._documents.catalog import Catalog
from fal_typed.testing.engine.addresses import HOSTS
from fal_typed.testing.engine.clock import Clock, RealTime
from fal_typed.testing.engine.emulation import Emulation
from fal_typed.testing.server.asgi_app import EmulatorApp
from fal_typed.testing.server.callers import Callers, is_loopback
from fal_typed.testing.server.http_connection import HttpConnection
from fal_typed.testing.tape.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from fal_typed.testing.engine.faults import Fault, FaultPlan
    from fal_typed.testing.engine.job_queue import JobQueue
    from fal_typed.testing.engine.scripts import EndpointScript
    from fal_typed.testing.engine.uploaded_files import UploadedFiles
    from fal_typed.testing.engine.webhook_delivery import WebhookDeliveries
    from fal_typed.testing.server.certificates import Certificates
    from fal_typed.testing.tape.player import Player
    from fal_typed.testing.tape.recorder import Recorder
    from fal_typed.testing.tape.request_log import RecordedRequest


class _RealTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers work while a test freezes time."""

    def time(self) -> float:
        return RealTime.read()


class FalEmulator:
    """The fal platform on loopback: no key, no network, no bill.

    Use it as a context manager, sync or async. Clients reach it through the variables of `environ`,
    or through its URL with the platform's host name as the first path segment.

    Args:
        schemas: Folder or archive of endpoint documents; None for the catalog of fal-typed.
        host: Address to listen on. Whoever reaches it may read and change everything here.
        allow_hosts: Host names to trust in addition to this machine's and the platform's: names
            that other machines or containers call the emulator by, and hosts of web pages that
            may call it.
        port: Port to listen on; 0 for any free one.
        queue_time: Seconds that jobs wait in the queue, unless scripted otherwise.
        run_time: Seconds that runs take, unless scripted otherwise.
        seed: Another seed gives other outputs for the same inputs.
        keys: The accepted keys, or a mapping of keys to their scope (``API`` or ``ADMIN``); with
            None, requests need no key.
        faults: Random network faults; None for none.
        clock: The emulator's clock; a `VirtualClock` makes a test independent of speed.
        tls: Whether to use TLS, with a certificate for this machine and for the platform's hosts.
            Clients must trust `ca_file`.
        on_response: Called with each request after its response, in the emulator's thread.
        tape: A `Recorder` that forwards requests to the live platform and stores its responses, or
            a `Player` that replays them; None for outputs generated from schemas.

    Raises:
        OSError: The port is in use.

    >>> with FalEmulator() as emulator:
    ...     emulator.environ()["FAL_EMULATOR_HOST"] == emulator.host
    True
    """

    def __init__(
        self,
        *,
        schemas: Path | str | Catalog | None = None,
        host: str = "127.0.0.1",
        allow_hosts: Collection[str] = (),
        port: int = 0,
        queue_time: float = 0.0,
        run_time: float = 0.05,
        seed: int = 0,
        keys: Collection[str] | Mapping[str, str] | None = None,
        faults: FaultPlan | None = None,
        clock: Clock | None = None,
        tls: bool = False,
        on_response: Callable[[RecordedRequest], object] | None = None,
        tape: Recorder | Player | None = None,
    ) -> None:
        self._tape = tape
        self.clock = clock or Clock()
        """The emulator's clock."""
        self.requests = RequestLog(on_response=on_response)
        """Every request that was received."""
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
        self._allow_hosts = allow_hosts
        self._tls = tls
        self._certificates: Certificates | None = None
        self._address: tuple[str, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._state = ServerState()

    def __repr__(self) -> str:
        place = "not running" if self._address is None else self.host
        return f"<FalEmulator: {place}>"

    @property
    def host(self) -> str:
        """Address and port, e.g. ``127.0.0.1:8765``; the value for ``FAL_EMULATOR_HOST``."""
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
        """PEM file with the certificate that clients must trust; it exists with TLS only."""
        if self._certificates is None:
            raise RuntimeError(
                "a certificate only exists while an emulator with tls=True is running"
            )
        return self._certificates.ca_file

    @property
    def jobs(self) -> JobQueue:
        """Every job that the queue accepted."""
        return self._emulation.jobs

    @property
    def files(self) -> UploadedFiles:
        """Every uploaded file."""
        return self._emulation.files

    @property
    def webhooks(self) -> WebhookDeliveries:
        """Every attempt to deliver a webhook."""
        return self._emulation.webhooks

    def environ(self) -> dict[str, str]:
        """Return the environment variables that point clients at the emulator.

        Returns:
            ``FAL_EMULATOR_HOST`` for fal-typed. With TLS, the variables that make OpenSSL, Python's
            HTTP clients and Node trust its certificate instead.
        """
        if not self._tls:
            return {"FAL_EMULATOR_HOST": self.host}
        return dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(self.ca_file))

    def diverted(self) -> AbstractContextManager[None]:
        """Divert this process's connections from the platform's own hosts to the emulator.

        This is for clients with fixed hosts, such as the official one. It needs TLS, because those
        hosts are only called over https.

        Returns:
            A context manager; connections are diverted until its end.

        Raises:
            RuntimeError: The emulator is not running, or not with TLS.

        >>> import urllib.request
        >>> with FalEmulator(tls=True) as emulator, emulator.diverted():
        ...     urllib.request.urlopen("https://rest.fal.ai/.well-known/jwks.json").status
        200
        """
        from fal_typed.testing.server.diverting import diverted

        variables = {**self.environ(), "REQUESTS_CA_BUNDLE": str(self.ca_file)}
        name, _, port = self.host.rpartition(":")
        address = {"0.0.0.0": "127.0.0.1"}.get(name, name)  # noqa: S104
        return diverted(dict.fromkeys(HOSTS, (address, int(port))), variables)

    def endpoint(self, endpoint_id: str) -> EndpointScript:
        """Return the script of an endpoint; an endpoint without a document is created by this.

        Args:
            endpoint_id: Its id, e.g. ``fal-ai/flux/dev``.

        Returns:
            The endpoint's script, the same object each time.
        """
        return self._emulation.endpoints.script(endpoint_id)

    def reset(self) -> None:
        """Remove all scripts, jobs, uploads, webhooks and recorded requests."""
        self._emulation.reset()
        self.requests.clear()

    def fault(self, fault: Fault, *, times: int | None = 1) -> None:
        """Plan a network fault.

        Args:
            fault: The fault.
            times: How often it happens; None for every time.
        """
        self._emulation.faults.add(fault, times)

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Call a function in the emulator's thread, e.g. to release an async handler.

        Args:
            callback: The function; it is called without arguments.
        """
        if self._loop is not None:
            self._loop.call_soon_threadsafe(callback)

    def start(self) -> None:
        """Start serving; the context manager does this.

        Warns:
            UserWarning: Other machines can reach the address to listen on.

        Raises:
            OSError: The port is in use.
        """
        listener = _listen(self._bind)
        self._address = listener.getsockname()[:2]
        if not is_loopback(self._bind[0]):
            message = (
                f"The emulator listens on {self.host}, not on loopback alone: whoever reaches it "
                "can read every request and file, and let it call webhooks from this machine."
            )
            warn_caller(message, UserWarning)
        if self._tls:
            from fal_typed.testing.server.certificates import Certificates  # slow to import

            self._certificates = Certificates(self._bind[0], *self._allow_hosts)
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
            ready.set_exception(error)  # start() raises it

    def _serve(self, listener: socket.socket, ready: Future[None]) -> None:
        loop = self._loop = _RealTimeLoop()
        asyncio.set_event_loop(loop)
        config = Config(
            EmulatorApp(
                self._emulation,
                self.requests,
                Callers(self._bind[0], self._allow_hosts),
                self._tape,
            ),
            http=HttpConnection,
            ws="none",  # HttpConnection upgrades itself
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
        loop.call_soon(self._emulation.jobs.resume, self._emulation.endpoints)
        loop.call_soon(ready.set_result, None)
        try:
            loop.run_forever()
        finally:
            server.close()
            loop.run_until_complete(self._close())
            loop.close()

    async def _close(self) -> None:
        """End all connections without waiting for any client."""
        for connection in list(self._state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)  # lets every request see that its client disconnected
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_asyncgens()
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
    # asyncio only disables Nagle's algorithm if the protocol is given. With the algorithm, every
    # response of two packets waits 40 ms for the client's acknowledgement.
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
