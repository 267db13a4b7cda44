"""``fal-typed emulator``: run an emulator of the platform's API on this machine."""

from __future__ import annotations

import shutil
import time
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fal_typed.cli.request_lines import line
from fal_typed.cli.terminal import note, say
from fal_typed.testing import FalEmulator, Player, Recorder


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Host name to trust besides this machine's: of a container, or of web pages.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 8765,
    schemas: Annotated[
        Path | None,
        typer.Option(help="Folder of endpoint documents; the included catalog by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated results.")] = 0,
    queue_time: Annotated[float, typer.Option(help="Seconds that a job waits in the queue.")] = 0.6,
    run_time: Annotated[float, typer.Option(help="Seconds that a job runs.")] = 0.9,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve over TLS, for clients that require it.")
    ] = False,
    ca_file: Annotated[
        Path, typer.Option(help="With --tls: file to write the CA certificate to.")
    ] = Path("fal-emulator-ca.pem"),
    record: Annotated[
        Path | None,
        typer.Option(
            help="Forward requests to fal, with the caller's key, and record the responses here."
        ),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Replay the responses that --record saved in this folder.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not log requests.")] = False,
) -> None:
    """Run an emulator of the platform's API on this machine.

    Set FAL_EMULATOR_HOST to point a client at it; no key is needed. Press Ctrl-C to stop it.

    Example: fal-typed emulator --port 8765
    """
    if record is not None and replay is not None:
        raise typer.BadParameter("--record and --replay cannot be used together")
    console = Console(highlight=False, soft_wrap=True)
    try:
        emulator = FalEmulator(
            schemas=schemas,
            host=host,
            allow_hosts=allow_host or (),
            port=port,
            seed=seed,
            queue_time=queue_time,
            run_time=run_time,
            tls=tls,
            tape=Recorder(record) if record else Player(replay) if replay else None,
            on_response=None if quiet else lambda record: console.print(line(record)),
        )
        with warnings.catch_warnings(record=True) as cautions:
            warnings.simplefilter("always")
            emulator.start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise typer.BadParameter(f"cannot start the emulator on {host}:{port}: {reason}") from error
    for caution in cautions:
        note(f"Warning: {caution.message}")
    try:
        if tls:
            shutil.copyfile(emulator.ca_file, ca_file)
        _print_addresses(emulator, ca_file.absolute() if tls else None)
        while True:
            time.sleep(3600)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {ca_file}: {error}") from error
    except KeyboardInterrupt:
        pass
    finally:
        emulator.stop()


def _print_addresses(emulator: FalEmulator, ca_file: Path | None) -> None:
    say(f"fal emulator on {emulator.url}")
    if ca_file is None:
        say(f"export FAL_EMULATOR_HOST={emulator.host}")
        return
    say("Trust its certificate in Python and OpenSSL, Node and curl:")
    say(f"export SSL_CERT_FILE={ca_file}")
    say(f"export NODE_EXTRA_CA_CERTS={ca_file}")
    say(f"curl --cacert {ca_file} {emulator.url}/")
    say("Point fal's Python client at it:")
    say(f"export FAL_RUN_HOST={emulator.host}/fal.run")
    say(f"export FAL_QUEUE_RUN_HOST={emulator.host}/queue.fal.run")
