"""The fal platform on your machine, for tests and demos.

`FalEmulator` serves the platform's protocol on loopback; the pytest fixture ``fal_emulator`` comes
with the package. It needs the extra ``emulator``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed._core.lazy import lazy_names

if TYPE_CHECKING:
    from fal_typed.testing.engine.clock import Clock, VirtualClock
    from fal_typed.testing.engine.faults import Fault, FaultPlan
    from fal_typed.testing.engine.job_queue import EmulatedJob, JobQueue
    from fal_typed.testing.engine.scripts import EndpointScript, RealtimeScript, ScriptedFailure
    from fal_typed.testing.engine.sockets import Socket, echo
    from fal_typed.testing.server.fal_emulator import FalEmulator
    from fal_typed.testing.tape.player import Player
    from fal_typed.testing.tape.recorder import Recorder
    from fal_typed.testing.tape.request_log import RecordedRequest, RequestLog

# pytest imports this package in every project that has fal-typed installed, so nothing is
# imported before it is used.
_MODULES = {
    "Clock": "engine.clock",
    "EmulatedJob": "engine.job_queue",
    "EndpointScript": "engine.scripts",
    "FalEmulator": "server.fal_emulator",
    "Fault": "engine.faults",
    "FaultPlan": "engine.faults",
    "JobQueue": "engine.job_queue",
    "Player": "tape.player",
    "RealtimeScript": "engine.scripts",
    "RecordedRequest": "tape.request_log",
    "Recorder": "tape.recorder",
    "RequestLog": "tape.request_log",
    "ScriptedFailure": "engine.scripts",
    "Socket": "engine.sockets",
    "VirtualClock": "engine.clock",
    "echo": "engine.sockets",
}

__all__ = [
    "Clock",
    "EmulatedJob",
    "EndpointScript",
    "FalEmulator",
    "Fault",
    "FaultPlan",
    "JobQueue",
    "Player",
    "RealtimeScript",
    "RecordedRequest",
    "Recorder",
    "RequestLog",
    "ScriptedFailure",
    "Socket",
    "VirtualClock",
    "echo",
]

__getattr__, __dir__ = lazy_names(globals(), _MODULES, extra="emulator")
