"""A list that one thread appends to while others read it or wait for an entry."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EntryT = TypeVar("EntryT")


class WaitableLog(Generic[EntryT]):
    """Entries, oldest first; safe to read from any thread.

    Args:
        limit: How many entries are kept; older ones are dropped. None keeps all.

    >>> log = WaitableLog[int]()
    >>> log.add(3)
    >>> log.wait_for(lambda entry: entry > 2)
    3
    """

    def __init__(self, limit: int | None = None) -> None:
        self._entries: deque[EntryT] = deque(maxlen=limit)
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[EntryT]:
        with self._changed:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> EntryT:
        return self._entries[index]

    def clear(self) -> None:
        """Remove every entry."""
        with self._changed:
            self._entries.clear()

    def add(self, entry: EntryT) -> None:
        """Append an entry.

        Args:
            entry: The entry.
        """
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def notify(self) -> None:
        """Let those who wait check again, because an entry changed."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[EntryT], bool], timeout: float = 5.0) -> EntryT:
        """Wait for an entry.

        Args:
            predicate: Called with every entry, existing ones included.
            timeout: How long to wait, in seconds.

        Returns:
            The first entry that the predicate accepts.

        Raises:
            TimeoutError: No such entry was added in time.
        """
        found: list[EntryT] = []

        def search() -> bool:
            found.extend(entry for entry in list(self._entries) if predicate(entry))
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(search, timeout):
                raise TimeoutError(f"no matching entry within {timeout} s")
        return found[0]
