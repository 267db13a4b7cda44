"""Says what a change of documents means for the callers of the typed code (DESIGN section 6).

What is compared is what the generator makes of two documents, so what a caller sees of a change
is what is told of it; wording and what the typed code doesn't show come out of the documents
themselves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fal_typed.document import EndpointDocument
from fal_typed_codegen.diff_interfaces import compare_interfaces
from fal_typed_codegen.diff_kinds import KINDS, LEVELS, Difference
from fal_typed_codegen.diff_wording import compare_wording
from fal_typed_codegen.lock import Lock, meaning_hash
from fal_typed_codegen.naming import choose_names
from fal_typed_codegen.normalise import normalise
from fal_typed_codegen.read import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed_codegen.diff_kinds import Level
    from fal_typed_codegen.naming import ModuleNames


@dataclass(frozen=True)
class Change:
    """One change of one endpoint.

    Attributes:
        endpoint: The endpoint's id.
        kind: A name out of `diff_kinds.KINDS`.
        place: Where it is, such as ``input.loras[].scale``; empty for the endpoint itself.
        old: What was there, in words; empty when nothing was or it says nothing.
        new: What is there now.
    """

    endpoint: str
    kind: str
    place: str = ""
    old: str = ""
    new: str = ""

    @property
    def level(self) -> Level:
        """What it means for callers."""
        return KINDS[self.kind].level

    @property
    def text(self) -> str:
        """What happened, in words."""
        text = KINDS[self.kind].text
        if self.old and self.new:
            return f"{text}: {self.old} → {self.new}"
        return f"{text}: {self.old or self.new}" if self.old or self.new else text


@dataclass
class Changes:
    """All changes between two states of a catalogue.

    Attributes:
        changes: The worst first, then by endpoint.
        failed: Why a document could not be compared, by where it stands.
    """

    changes: list[Change] = field(default_factory=list[Change])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def count(self, level: Level) -> int:
        """How many changes are of a class."""
        return sum(change.level == level for change in self.changes)

    def reaches(self, level: Level) -> bool:
        """Whether a change is of this class or of a worse one."""
        worst = LEVELS[: LEVELS.index(level) + 1]
        return any(change.level in worst for change in self.changes)

    def endpoints(self) -> int:
        """How many endpoints changed."""
        return len(Counter(change.endpoint for change in self.changes))


@dataclass(frozen=True)
class State:
    """A catalogue at one time.

    Attributes:
        documents: The documents' bytes by endpoint id.
        lock: What the lock beside them says, or an empty one.
        is_lock: Whether the lock is all that is known.
        failed: Why a document could not be read, by where it stands.
    """

    documents: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    lock: Lock = field(default_factory=Lock)
    is_lock: bool = False
    failed: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def ids(self) -> set[str]:
        """Ids of all endpoints."""
        return set(self.lock.entries if self.is_lock else self.documents)


def compare(old: State, new: State) -> Changes:
    """Compare two states of a catalogue.

    Args:
        old: What was there.
        new: What is there. When one of both is a lock, only the meaning of documents is
            compared.

    Returns:
        The changes, those of endpoints that are only on one side among them.
    """
    result = Changes(failed={**old.failed, **new.failed})
    gone, added = old.ids - new.ids, new.ids - old.ids
    result.changes += [Change(id_, "endpoint-removed") for id_ in gone]
    result.changes += [Change(id_, "endpoint-added") for id_ in added]
    if old.is_lock or new.is_lock:
        result.changes += _compare_locks(old, new)
    else:
        _compare_documents(old, new, result)
    order = {level: index for index, level in enumerate(LEVELS)}
    names = {name: index for index, name in enumerate(KINDS)}
    result.changes.sort(
        key=lambda c: (order[c.level], c.endpoint, names[c.kind], c.place, c.old, c.new)
    )
    return result


def compare_documents(
    old: EndpointDocument,
    new: EndpointDocument,
    names: tuple[ModuleNames, ModuleNames] | None = None,
) -> list[Change]:
    """Compare two documents of one endpoint.

    Args:
        old: The document that was there.
        new: The document that is there.
        names: What the endpoint was and is called; by default what its id gives.

    Returns:
        The changes, as they are met.

    >>> from fal_typed.catalog import Catalog
    >>> dev = Catalog().document("fal-ai/flux/dev")
    >>> compare_documents(dev, dev)
    []
    """
    if names is None:
        names = (_own_names(old.id), _own_names(new.id))
    found: list[Difference] = []
    if names[0].path != names[1].path:
        found.append(Difference("endpoint-moved", "", names[0].path, names[1].path))
    # Both by the same name, for that it moved is told once and not for each class.
    found += compare_interfaces(normalise(old, names[0]), normalise(new, names[0]))
    found += compare_wording(old, new)
    if not found and old.raw != new.raw:
        found.append(Difference("document-changed", ""))
    return [Change(new.id, *difference) for difference in found]


def _compare_documents(old: State, new: State, result: Changes) -> None:
    old_names, new_names = _names(old, Lock()), _names(new, old.lock)
    for id_ in sorted(old.ids & new.ids):
        moved = old_names[id_].path != new_names[id_].path
        if old.documents[id_] == new.documents[id_] and not moved:
            continue
        try:
            documents = read(old.documents[id_]), read(new.documents[id_])
            names = old_names[id_], new_names[id_]
            result.changes += compare_documents(*documents, names)
        except Exception as error:  # noqa: BLE001 - one bad document never stops the others
            result.failed[id_] = f"{type(error).__name__}: {error}"[:500]


def _names(state: State, before: Lock) -> dict[str, ModuleNames]:
    entries = {**before.entries, **state.lock.entries}
    earlier = {id_: entry.module.path for id_, entry in entries.items() if entry.module is not None}
    return choose_names(state.ids, earlier)


def _own_names(endpoint_id: str) -> ModuleNames:
    return choose_names([endpoint_id], {})[endpoint_id]


def _compare_locks(old: State, new: State) -> list[Change]:
    changes: list[Change] = []
    old_meanings, new_meanings = _meanings(old), _meanings(new)
    for id_ in old.ids & new.ids:
        if old_meanings[id_] != new_meanings[id_]:
            changes.append(Change(id_, "endpoint-changed"))
        before, after = old.lock.entries.get(id_), new.lock.entries.get(id_)
        if before is None or after is None or before.module is None or after.module is None:
            continue
        if before.module.path != after.module.path:
            changes.append(Change(id_, "endpoint-moved", "", before.module.path, after.module.path))
    return changes


def _meanings(state: State) -> dict[str, str]:
    if state.is_lock:
        return {id_: entry.meaning for id_, entry in state.lock.entries.items()}
    return {id_: meaning_hash(read(content).raw) for id_, content in state.documents.items()}
