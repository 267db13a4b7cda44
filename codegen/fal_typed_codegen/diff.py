"""Says what a change of documents means for the callers of the typed code.

What is compared is what the generator makes of two documents, so what a caller sees of a change
is what is told of it; wording and what the typed code doesn't show come out of the documents
themselves.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fal_typed._core.json_values import as_object
from fal_typed._documents.app_document import is_app_document
from fal_typed_codegen.diff_interfaces import compare_interfaces
from fal_typed_codegen.diff_kinds import KINDS, LEVELS, Difference
from fal_typed_codegen.diff_wording import compare_wording
from fal_typed_codegen.lock import Lock, meaning_hash
from fal_typed_codegen.naming import choose_names
from fal_typed_codegen.normalise import normalise
from fal_typed_codegen.read import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed._documents.document import EndpointDocument
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
class SourceFile:
    """A file of a catalogue; that of an app describes several endpoints.

    Attributes:
        path: Its path below the catalogue.
        content: Its bytes.
    """

    path: str
    content: bytes

    def documents(self) -> dict[str, EndpointDocument]:
        """The documents in it by endpoint id.

        Raises:
            InvalidDocumentError: It describes neither an endpoint nor an app.
        """
        found = read_file(self.content, self.path).documents
        return {document.id: document for document in found.values()}


@dataclass(frozen=True)
class State:
    """A catalogue at one time.

    Attributes:
        documents: The file that describes an endpoint, by its id.
        lock: What the lock beside them says, or an empty one.
        is_lock: Whether the lock is all that is known.
        failed: Why a document could not be read, by where it stands.
    """

    documents: Mapping[str, SourceFile] = field(default_factory=dict[str, SourceFile])
    lock: Lock = field(default_factory=Lock)
    is_lock: bool = False
    failed: Mapping[str, str] = field(default_factory=dict[str, str])

    def meanings(self) -> dict[str, str]:
        """What stands or would stand in the lock for each document, by id.

        An app's document counts once, under the app's own id.
        """
        if self.is_lock:
            return {id_: entry.meaning for id_, entry in self.lock.entries.items()}
        found: dict[str, str] = {}
        for id_, file in self.documents.items():
            raw = as_object(json.loads(file.content)) or {}
            key = file.path.removesuffix(".json") if is_app_document(raw) else id_
            found[key] = found.get(key) or meaning_hash(raw)
        return found


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
    if old.is_lock or new.is_lock:
        result.changes += _compare_locks(old, new)
    else:
        result.changes += _one_sided(set(old.documents), set(new.documents))
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

    >>> from fal_typed._documents.catalog import Catalog
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
    if not found and old.raw != new.raw and new.route is None:
        found.append(Difference("document-changed", ""))
    return [Change(new.id, *difference) for difference in found]


def _compare_documents(old: State, new: State, result: Changes) -> None:
    old_names, new_names = _names(old, Lock()), _names(new, old.lock)
    for id_ in sorted(old.documents.keys() & new.documents.keys()):
        moved = old_names[id_].path != new_names[id_].path
        if old.documents[id_].content == new.documents[id_].content and not moved:
            continue
        try:
            before, after = (one.documents[id_].documents()[id_] for one in (old, new))
            names = old_names[id_], new_names[id_]
            result.changes += compare_documents(before, after, names)
        except Exception as error:  # noqa: BLE001 - one bad document never stops the others
            result.failed[id_] = f"{type(error).__name__}: {error}"[:500]


def _names(state: State, before: Lock) -> dict[str, ModuleNames]:
    entries = {**before.entries, **state.lock.entries}
    earlier = {id_: entry.module.path for id_, entry in entries.items() if entry.module is not None}
    return choose_names(list(state.documents), earlier)


def _own_names(endpoint_id: str) -> ModuleNames:
    return choose_names([endpoint_id], {})[endpoint_id]


def _compare_locks(old: State, new: State) -> list[Change]:
    before, after = old.meanings(), new.meanings()
    changes = _one_sided(set(before), set(after))
    for id_ in before.keys() & after.keys():
        if before[id_] != after[id_]:
            changes.append(Change(id_, "endpoint-changed"))
        modules = [
            state.lock.entries[id_].module if id_ in state.lock.entries else None
            for state in (old, new)
        ]
        if modules[0] and modules[1] and modules[0].path != modules[1].path:
            changes.append(Change(id_, "endpoint-moved", "", modules[0].path, modules[1].path))
    return changes


def _one_sided(old: set[str], new: set[str]) -> list[Change]:
    return [
        *(Change(id_, "endpoint-removed") for id_ in old - new),
        *(Change(id_, "endpoint-added") for id_ in new - old),
    ]
