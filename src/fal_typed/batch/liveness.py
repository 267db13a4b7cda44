"""Which processes work on a journal, and which of them have died.

A worker writes the time every few seconds. One that has not done so for a while is dead; one of
this machine is dead as soon as its process is gone.
"""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

BEAT = 2.0
"""Seconds between two signs of life."""
LEASE = 30.0
"""Seconds without a sign of life after which another worker takes over."""


def this_machine() -> str:
    """This machine and the namespace in which its process ids mean something."""
    parts = [platform.node(), *_read("/proc/sys/kernel/random/boot_id")]
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def this_process() -> str:
    """This process: its id, and where the system tells it, when it started."""
    return _process(os.getpid())


def is_gone(machine: str, process: str) -> bool:
    """Whether a process of this machine has ended; False when that is not known."""
    if os.name != "posix" or machine != this_machine():
        return False
    pid = int(process.partition(" ")[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _process(pid) != process


def _process(pid: int) -> str:
    # Ids are used again. Field 22 of the line is the time of the start; field 2, in parentheses,
    # may contain spaces.
    for line in _read(f"/proc/{pid}/stat"):
        fields = line.rpartition(")")[2].split()
        is_zombie = fields[0] == "Z"
        return f"{pid} ended" if is_zombie else f"{pid} {fields[19]}"
    return str(pid)


def _read(path: str) -> list[str]:
    try:
        return [Path(path).read_text(encoding="utf-8").strip()]
    except OSError:
        return []
