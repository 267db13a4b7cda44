"""How fal_client's two timeouts of `subscribe` go together."""

from __future__ import annotations

from fal_typed._core.caller_warnings import warn_caller


def start_timeout_within(client_timeout: float | None, start_timeout: float | None) -> float | None:
    """The start timeout: the client's own limit, unless another is given."""
    if client_timeout is None or start_timeout is None:
        return client_timeout if start_timeout is None else start_timeout
    if start_timeout > client_timeout:
        warn_caller(
            f"start_timeout ({start_timeout} s) is longer than client_timeout "
            f"({client_timeout} s): the client stops waiting before the platform does.",
            UserWarning,
        )
    return start_timeout
