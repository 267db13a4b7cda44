"""What an import loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import requires

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
