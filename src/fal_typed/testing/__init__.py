"""The fal platform on your machine, for tests and demos.

`FalEmulator` serves the platform's protocol on loopback; the pytest fixture ``fal_emulator``
comes with the package. It needs the extra ``emulator``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fal_typed.testing.clock import Clock, VirtualClock
    from fal_typed.testing.faults import Fault, FaultPlan
    from fal_typed.testing.jobs import Job, Jobs
    from fal_typed.testing.recording import RecordedRequest, RequestLog
    from fal_typed.testing.scripts import EndpointScript, Failure, RealtimeScript
    from fal_typed.testing.server import FalEmulator
    from fal_typed.testing.sockets import Socket, echo
    from fal_typed.testing.tape import Player, Recorder

# pytest imports this package in every project that has fal-typed installed, so nothing is
# loaded before it is asked for.
_HOMES = {
    "Clock": "clock",
    "EndpointScript": "scripts",
    "Failure": "scripts",
    "FalEmulator": "server",
    "Fault": "faults",
    "FaultPlan": "faults",
    "Job": "jobs",
    "Jobs": "jobs",
    "RecordedRequest": "recording",
    "RequestLog": "recording",
    "RealtimeScript": "scripts",
    "Recorder": "tape",
    "Player": "tape",
    "Socket": "sockets",
    "VirtualClock": "clock",
    "echo": "sockets",
}

__all__ = [
    "Clock",
    "EndpointScript",
    "Failure",
    "FalEmulator",
    "Fault",
    "FaultPlan",
    "Job",
    "Jobs",
    "Player",
    "RealtimeScript",
    "RecordedRequest",
    "Recorder",
    "RequestLog",
    "Socket",
    "VirtualClock",
    "echo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "fal_typed":
            raise
        raise ModuleNotFoundError(
            f"the emulator needs {error.name}: pip install 'fal-typed[emulator]'",
            name=error.name,
        ) from error
    return getattr(module, name)
