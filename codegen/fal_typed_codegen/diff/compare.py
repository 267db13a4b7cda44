"""Compares documents and classifies the changes for callers of the typed code.

The comparison uses the generated interfaces, so it reports what callers see of a change. Wording,
and what the typed code does not show, is compared in the documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed_codegen.diff.change_kinds import KINDS, LEVELS, Difference
from fal_typed_codegen.diff.changes import Change, Changes
from fal_typed_codegen.diff.interfaces import compare_interfaces
from fal_typed_codegen.diff.wording import compare_wording, unshown
from fal_typed_codegen.interface.naming import choose_names
from fal_typed_codegen.interface.normalize import normalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed._documents.document import EndpointDocument
    from fal_typed_codegen.diff.state import CatalogState
    from fal_typed_codegen.interface.naming import ModuleNames


def compare(old: CatalogState, new: CatalogState) -> Changes:
    """Compare two states of a catalog.

    Args:
        old: The old state.
        new: The new state. If either is a lock, only the meaning of documents is compared.

    Returns:
        The changes, including added and removed endpoints.
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
        old: The old document.
        new: The new document.
        names: Old and new Python names of the endpoint; those of its id by default.

    Returns:
        The changes, in the order in which they are found.

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
    # With the same names, because a move is reported once and not for each class.
    found += compare_interfaces(normalize(old, names[0]), normalize(new, names[0]))
    found += compare_wording(old, new)
    if not found and old.raw != new.raw and new.route is None:
        found += unshown(old, new)
    return [Change(new.id, *difference) for difference in found]


def _compare_documents(old: CatalogState, new: CatalogState, result: Changes) -> None:
    old_names = _names(old, {})
    new_names = _names(new, {id_: names.path for id_, names in old_names.items()})
    for id_ in sorted(old.documents.keys() & new.documents.keys()):
        moved = old_names[id_].path != new_names[id_].path
        if old.documents[id_].content == new.documents[id_].content and not moved:
            continue
        try:
            before, after = (one.documents[id_].documents()[id_] for one in (old, new))
            names = old_names[id_], new_names[id_]
            result.changes += compare_documents(before, after, names)
        except Exception as error:  # noqa: BLE001 - one invalid document must not stop the others
            result.failed[id_] = f"{type(error).__name__}: {error}"[:500]


def _names(state: CatalogState, before: Mapping[str, str]) -> dict[str, ModuleNames]:
    """Names of endpoints; without a lock, a package keeps the modules that it has."""
    entries = state.lock.entries.items()
    locked = {id_: entry.module.path for id_, entry in entries if entry.module is not None}
    return choose_names(list(state.documents), {**before, **locked})


def _own_names(endpoint_id: str) -> ModuleNames:
    return choose_names([endpoint_id], {})[endpoint_id]


def _compare_locks(old: CatalogState, new: CatalogState) -> list[Change]:
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
