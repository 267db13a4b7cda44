"""Request headers for a call's options (docs/protocol.md section 2.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fal_typed._calls.app_context import forwarded_headers
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed._calls.call_options import CallOptions

_TAG_KEY = re.compile(r"[a-z0-9._-]{1,64}")
_MAX_TAGS = 10
_MAX_TAG_VALUE = 256
_MAX_TAG_BYTES = 1024


def call_headers(options: CallOptions) -> dict[str, str]:
    """Build the request headers for a call's options (docs/protocol.md section 2.1).

    Raises:
        FalInputError: An option has a value that the platform would reject.
    """
    headers = {**forwarded_headers(), **options.headers}
    if options.start_timeout is not None:
        headers["x-fal-request-timeout"] = f"{options.start_timeout:g}"
    if options.hint is not None:
        headers["x-fal-runner-hint"] = options.hint
    if options.priority is not None:
        if options.priority not in ("normal", "low"):
            raise FalInputError("priority must be 'normal' or 'low'.")
        headers["x-fal-queue-priority"] = options.priority
    if options.output_lifecycle is not None:
        lifecycle = options.output_lifecycle.to_json()
        headers["x-fal-object-lifecycle-preference"] = json.dumps(lifecycle)
    if options.store_io is False:
        headers["x-fal-store-io"] = "0"
    if not options.server_retry:
        headers["x-fal-no-retry"] = "1"
    if options.tags:
        headers["x-fal-tags"] = _tags(options.tags)
    return headers


def _tags(tags: Mapping[str, str]) -> str:
    text = ",".join(f"{key}={value}" for key, value in tags.items())
    for key, value in tags.items():
        is_valid = _TAG_KEY.fullmatch(key) and not key.startswith("fal.")
        if not is_valid or len(value) > _MAX_TAG_VALUE or "," in value or not value.isprintable():
            raise FalInputError(
                f"Invalid tag {key!r}: a key has 1 to 64 characters of a-z 0-9 . _ - and does not "
                "start with 'fal.'; a value has up to 256 printable characters and no commas."
            )
    if len(tags) > _MAX_TAGS or len(text.encode()) > _MAX_TAG_BYTES:
        raise FalInputError("Too many tags: at most 10 tags and 1,024 bytes in total are allowed.")
    return text
