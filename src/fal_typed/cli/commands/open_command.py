"""``fal-typed open``: open an endpoint's page in a browser."""

from __future__ import annotations

import webbrowser
from urllib.parse import quote

from fal_typed.cli.known_endpoints import EndpointArgument, UnlistedOption, find_document
from fal_typed.cli.terminal import note, say


def command(endpoint: EndpointArgument, unlisted: UnlistedOption = False) -> None:
    """Open an endpoint's page on fal.ai in a browser.

    The URL is printed, too.

    Example: fal-typed open fal-ai/flux/dev
    """
    find_document(endpoint, unlisted=unlisted)
    url = f"https://fal.ai/models/{quote(endpoint)}"
    say(url)
    if not webbrowser.open(url):
        note("No browser was found; open the URL yourself.")
