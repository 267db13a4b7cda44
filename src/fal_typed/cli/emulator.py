"""The command ``fal-typed emulator``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fal_typed.testing import FalEmulator


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.")] = 8765,
    schemas: Annotated[
        Path | None, typer.Option(help="Folder of endpoint documents; default: those shipped.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives other answers.")] = 0,
    queue_time: Annotated[float, typer.Option(help="Seconds that jobs wait in the queue.")] = 0.6,
    run_time: Annotated[float, typer.Option(help="Seconds that runs take.")] = 0.9,
) -> None:
    """Serve the platform's API on this machine.

    Point a client at it by FAL_EMULATOR_HOST; no key is needed. Ctrl-C ends it.

    Example: fal-typed emulator --port 8765
    """
    try:
        emulator = FalEmulator(
            schemas=schemas,
            host=host,
            port=port,
            seed=seed,
            queue_time=queue_time,
            run_time=run_time,
        )
        emulator.start()
    except OSError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        typer.echo(f"fal emulator on {emulator.url}")
        typer.echo(f"export FAL_EMULATOR_HOST={emulator.host}")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        emulator.stop()
