"""Builds the request body of a call, after uploading the files in its arguments."""

from __future__ import annotations

from typing import Any

from fal_typed._calls.call import Call
from fal_typed._core.flow import Deadline, Flow
from fal_typed._core.settings import Settings, encode_json
from fal_typed._uploads.file_arguments import upload_inputs


def request_body(
    settings: Settings, call: Call[Any], deadline: Deadline | None = None
) -> Flow[bytes]:
    """Upload the files in a call's arguments and encode the request body."""
    inputs = yield from upload_inputs(
        settings, call.arguments, inline=call.options.inline_files, deadline=deadline
    )
    return encode_json(inputs)
