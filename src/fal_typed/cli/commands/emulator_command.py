"""``fal-typed emulator``: run an emulator of the platform's API on this machine."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fal_typed.cli.request_lines import line
from fal_typed.testing import FalEmulator, Player, Recorder


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 8765,
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
            port=port,
            seed=seed,
            queue_time=queue_time,
            run_time=run_time,
            tls=tls,
            tape=Recorder(record) if record else Player(replay) if replay else None,
            on_response=None if quiet else lambda record: console.print(line(record)),
        )
        emulator.start()
    except OSError as error:
        raise typer.BadParameter(str(error)) from error
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
    typer.echo(f"fal emulator on {emulator.url}")
    if ca_file is None:
        typer.echo(f"export FAL_EMULATOR_HOST={emulator.host}")
        return
    typer.echo("Trust its certificate in Python and OpenSSL, Node and curl:")
    typer.echo(f"export SSL_CERT_FILE={ca_file}")
    typer.echo(f"export NODE_EXTRA_CA_CERTS={ca_file}")
    typer.echo(f"curl --cacert {ca_file} {emulator.url}/")
    typer.echo("Point fal's Python client at it:")
    typer.echo(f"export FAL_RUN_HOST={emulator.host}/fal.run")
    typer.echo(f"export FAL_QUEUE_RUN_HOST={emulator.host}/queue.fal.run")
