"""Ctrl-C while a job is being submitted."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from fal_typed._transport.base import SendProgress

_GRACE = 2.0


@contextmanager
def deferred_interrupt(progress: SendProgress) -> Generator[Interrupt, None, None]:
    """Hold a Ctrl-C back until the block ends, for a moment at most.

    A submit that is interrupted while it waits for its response leaves a job that nobody knows
    the id of, and that is billed. So the first Ctrl-C waits for the response; one that comes on
    top, or the end of the grace period, interrupts at once, and so does one that comes before
    anything was sent. Programs with a handler of their own keep it.
    """
    interrupt = Interrupt(progress)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupt
        return
    signal.signal(signal.SIGINT, interrupt.on_signal)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt.stop_waiting()


class Interrupt:
    """Whether Ctrl-C was pressed meanwhile."""

    def __init__(self, progress: SendProgress) -> None:
        self.is_pending = False
        self._progress = progress
        self._timer: threading.Timer | None = None

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal, and let the second interrupt."""
        if self.is_pending or not self._progress.begun:
            signal.default_int_handler(number, frame)
        self.is_pending = True
        self._timer = threading.Timer(_GRACE, _interrupt_main_thread)
        self._timer.daemon = True
        self._timer.start()

    def stop_waiting(self) -> None:
        """Call off the end of the grace period."""
        if self._timer is not None:
            self._timer.cancel()


def _interrupt_main_thread() -> None:
    # Only a signal to that very thread wakes it from reading a socket; Windows has none.
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
