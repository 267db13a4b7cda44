"""``fal-typed whoami``: which key is used."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fal_typed import FalClient, FalPermissionError
from fal_typed._core import login
from fal_typed._core.credentials import Credentials, missing_key
from fal_typed.cli.terminal import say, say_json

_SHOWN = 4


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which key is used and whether fal accepts it.

    Only the key's id is shown, never the key itself. The exit code is 1 when there is no key, or
    fal rejects it.

    Example: fal-typed whoami
    """
    found = {**_credentials(), "scope": _scope()}
    if as_json:
        say_json(found)
        return
    for name, value in found.items():
        say(f"{name}: {value}")


def _credentials() -> dict[str, str]:
    key = Credentials().key()
    if key is not None:
        return {"credentials": _source(), "key id": _id_of(key)}
    if login.load() is not None:
        return {"credentials": "fal auth login"}
    if os.environ.get("FAL_EMULATOR_HOST"):
        return {"credentials": "none; the emulator needs none"}
    raise missing_key()


def _source() -> str:
    if os.environ.get("FAL_KEY"):
        return "FAL_KEY"
    return "FAL_KEY_ID and FAL_KEY_SECRET" if os.environ.get("FAL_KEY_ID") else "the notebook"


def _id_of(key: str) -> str:
    """The public part of a key; of a key without one, only its beginning."""
    public, colon, _ = key.partition(":")
    return public if colon else f"{key[:_SHOWN]}…"


def _scope() -> str:
    """Ask for something that only keys of the scope ADMIN may read."""
    with FalClient() as client:
        try:
            client.platform.usage(limit=1)
        except FalPermissionError:
            return "API"
    return "ADMIN"
