"""The folders and the arrows between them: no cycle, at module level, in functions or in types.

The order of the layers themselves is in `pyproject.toml`, and `make check` runs `lint-imports`.
"""

from __future__ import annotations

import ast
import gc
import subprocess
from collections.abc import Iterator
from pathlib import Path

import fal_client
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "fal_typed": ROOT / "src" / "fal_typed",
    "fal_typed_codegen": ROOT / "codegen" / "fal_typed_codegen",
}
COMPAT = "fal_typed.compat"
MIRRORED_CLASSES = {
    "AsyncRealtimeConnection", "Completed", "InProgress", "Queued", "RealtimeConnection",
}  # fmt: skip
"""Names that `compat` repeats because fal_client has them."""
MIRRORED_MODULES = {"client"}
TOP_LEVEL = 14
"""How many entries besides folders the package may have."""


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[0] != "endpoints":
                yield ".".join((package, *parts)).removesuffix(".__init__"), path


MODULES = dict(modules())


def parsed(path: Path) -> ast.Module:
    # A collection inside ast.parse fails on some releases of Python 3.11 (gh-106905).
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports_of(name: str) -> set[str]:
    """Modules of ours that a module imports anywhere: in functions and for checkers as well."""
    found: set[str] = set()
    for node in ast.walk(parsed(MODULES[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & MODULES.keys()) or {node.module}
    return (found & MODULES.keys()) - {name}


GRAPH = {name: imports_of(name) for name in MODULES}


def folder(name: str) -> str:
    return ".".join(name.split(".")[:2])


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other; a node alone is none."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(node: str, edges: dict[str, set[str]], into: list[str]) -> None:
        stack = [(node, iter(sorted(edges.get(node, ()))))]
        seen.add(node)
        while stack:
            current, following = stack[-1]
            following_node = next((n for n in following if n not in seen), None)
            if following_node is None:
                into.append(current)
                stack.pop()
            else:
                seen.add(following_node)
                stack.append((following_node, iter(sorted(edges.get(following_node, ())))))

    for node in graph:
        if node not in seen:
            visit(node, graph, order)
    backwards: dict[str, set[str]] = {}
    for node, targets in graph.items():
        for target in targets:
            backwards.setdefault(target, set()).add(node)
    seen.clear()
    groups: list[list[str]] = []
    for node in reversed(order):
        if node not in seen:
            group: list[str] = []
            visit(node, backwards, group)
            groups.append(group)
    return [sorted(group) for group in groups if len(group) > 1]


def test_no_modules_import_each_other_in_a_circle():
    assert cycles(GRAPH) == []


def test_no_folders_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for name, targets in GRAPH.items():
        found = graph.setdefault(folder(name), set())
        found |= {folder(target) for target in targets} - {folder(name)}
    assert cycles(graph) == []


def test_circles_are_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_the_top_of_the_package_is_short():
    names = subprocess.run(
        ["git", "ls-files", "src/fal_typed"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not names:
        pytest.skip("not a git checkout")
    top = [name for name in names if name.count("/") == 2]
    assert len(top) <= TOP_LEVEL, top


def names_of(kind: type[ast.AST]) -> dict[str, set[str]]:
    places: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        for node in ast.walk(parsed(path)):
            if isinstance(node, kind):
                places.setdefault(node.name, set()).add(module)  # type: ignore[attr-defined]
    return places


def ambiguous(places: dict[str, set[str]], mirrored: set[str]) -> dict[str, list[str]]:
    """Names with more than one place; `compat` may repeat those that fal_client has."""
    found = {}
    for name, modules in places.items():
        ours = {m for m in modules if name not in mirrored or not m.startswith(f"{COMPAT}.")}
        if len(ours) > 1:
            found[name] = sorted(ours)
    return found


def test_one_class_name_means_one_thing():
    assert ambiguous(names_of(ast.ClassDef), MIRRORED_CLASSES) == {}


def test_compat_repeats_the_names_of_fal_client_only():
    assert all(hasattr(fal_client, name) for name in MIRRORED_CLASSES | MIRRORED_MODULES)


def test_one_module_name_means_one_thing():
    stems: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if path.stem != "__init__":
            stems.setdefault(path.stem, set()).add(name)
    assert ambiguous(stems, MIRRORED_MODULES) == {}
