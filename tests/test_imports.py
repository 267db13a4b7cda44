"""Which modules an import loads, and which modules may import which."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "fal_typed"
HAND_WRITTEN = [
    path for path in sorted(SRC.rglob("*.py")) if "endpoints" not in path.relative_to(SRC).parts
]
OUTER = r"fal_typed\.(testing|cli)\b|fal_typed_codegen\b"
"""Packages that the SDK itself never imports."""
FLUX_DEV = "fal_typed.endpoints.fal_ai.flux.dev"


def loaded_by(statement: str) -> set[str]:
    """Names of the modules that a statement loads in a fresh interpreter."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def imports_of(path: Path, *, at_run_time: bool = False) -> set[str]:
    """Names that a module imports anywhere, or only outside of `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    if at_run_time:
        blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
        typed = [node for node in blocks if "TYPE_CHECKING" in ast.dump(node.test)]
        skipped = {inner for block in typed for part in block.body for inner in ast.walk(part)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = {"pydantic", "pydantic_core", "httpx", "httpcore", "websockets", "msgpack", "aiohttp"}
    assert not packages(loaded_by("import fal_typed")) & heavy


def test_importing_an_endpoint_loads_no_other_endpoint_and_no_transport() -> None:
    loaded = loaded_by(f"from {FLUX_DEV} import flux_dev, FluxDevInput, FluxDevOutput")
    generated = {name for name in loaded if name.startswith("fal_typed.endpoints.")}
    others = {
        name
        for name in generated
        if not f"{FLUX_DEV}.".startswith(f"{name}.")  # its own packages
        and not name.startswith((f"{FLUX_DEV}.", "fal_typed.endpoints._shared"))
    }
    assert not others
    assert not packages(loaded) & {"httpx", "websockets", "aiohttp"}


def test_an_endpoint_below_another_does_not_load_it() -> None:
    loaded = loaded_by(
        "from fal_typed.endpoints.fal_ai.flux.dev.image_to_image import flux_dev_image_to_image"
    )
    assert f"{FLUX_DEV}.image_to_image" in loaded
    assert f"{FLUX_DEV}._endpoint" not in loaded


def test_a_client_loads_neither_the_emulator_nor_the_generator_nor_the_commands() -> None:
    loaded = loaded_by("from fal_typed import FalClient\nFalClient(key='id:secret')")
    assert not {name for name in loaded if re.match(OUTER, name)}
    assert not packages(loaded) & {"typer", "rich", "starlette", "PIL"}


def test_requirements_have_no_tight_upper_bounds() -> None:
    required = [text for text in requires("fal-typed") or [] if "extra ==" not in text]
    assert len(required) < 10
    for text in required:
        assert "==" not in text
        upper = re.search(r"<=?([\d.]+)", text)
        assert upper is None or re.fullmatch(r"\d+", upper[1]), (
            "only the next major version may be excluded"
        )


def test_every_exported_name_exists() -> None:
    import fal_typed

    missing = [name for name in fal_typed.__all__ if not hasattr(fal_typed, name)]
    assert not missing
    assert set(fal_typed.__all__) <= set(dir(fal_typed))


@pytest.mark.parametrize("path", HAND_WRITTEN, ids=lambda path: str(path.relative_to(SRC)))
def test_imports_respect_the_layers(path: Path) -> None:
    part = path.relative_to(SRC).parts[0]
    imported = imports_of(path)
    assert not {name for name in imported if name.startswith("fal_typed.endpoints.")}, (
        "hand-written code must not import endpoints"
    )
    if part not in {"testing", "cli"}:
        assert not {name for name in imported if re.match(OUTER, name)}
    if part not in {"testing", "cli", "_transport"}:
        assert not packages(imports_of(path, at_run_time=True)) & {"httpx", "httpcore", "aiohttp"}
