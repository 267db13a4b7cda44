"""The lower bounds of the dependencies work and have no known vulnerabilities."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
NOT_SHIPPED = {"dev", "docs"}

FLOORS = {
    "aiohttp": ("3.14.3", "CVE-2026-69244: reads out of bounds while parsing a response"),
    "certifi": ("2024.7.4", "CVE-2024-39689: trusts GLOBALTRUST; 0.0.1 is a syntax error"),
    "cryptography": ("50.0.0", "CVE-2026-69247 and CVE-2026-69248"),
    "httpcore": ("1.0.9", "the first that takes h11 0.16; CVE-2025-43859 is in those before"),
    "httptools": ("0.6.2", "the first with wheels for Python 3.13"),
    "jinja2": ("3.1.6", "CVE-2025-27516: leaves the sandbox through the attr filter"),
    "msgpack": ("1.2.1", "CVE-2026-57585: reads out of bounds when an Unpacker is used again"),
    "pillow": ("12.3.0", "CVE-2026-55798, and CVE-2026-59197 to CVE-2026-59200"),
    "psycopg": ("3.2.2", "the first with wheels for Python 3.13"),
    "pyarrow": ("23.0.1", "CVE-2026-25087: uses memory after it is freed"),
    "ray": ("2.55", "CVE-2026-27482 and CVE-2026-32981, both in the dashboard"),
    "sqlalchemy": ("2.0.31", "the first that works on Python 3.13"),
    "typer": ("0.16", "the first that works with click 8.2 and later"),
    "uvicorn": ("0.35", "the first with the websocket protocol that the emulator extends"),
}
"""What was reviewed: the first version to allow, and why none before it."""


def shipped() -> dict[str, Requirement]:
    """What users install, with and without extras."""
    extras = PROJECT["optional-dependencies"]
    texts = PROJECT["dependencies"] + [
        text for name, listed in extras.items() if name not in NOT_SHIPPED for text in listed
    ]
    requirements = map(Requirement, texts)
    return {one.name: one for one in requirements if one.name != PROJECT["name"]}


def floor(requirement: Requirement) -> Version:
    return Version(
        next(one.version for one in requirement.specifier if one.operator in {">=", "=="})
    )


@pytest.mark.parametrize("name", FLOORS)
def test_a_lower_bound_is_not_below_the_reviewed_one(name: str) -> None:
    lowest, reason = FLOORS[name]
    assert floor(shipped()[name]) >= Version(lowest), reason


@pytest.mark.parametrize("name", shipped())
def test_every_dependency_has_a_lower_bound_that_the_lock_keeps(name: str) -> None:
    lowest = floor(shipped()[name])
    locked = [Version(one["version"]) for one in LOCK["package"] if one["name"] == name]
    assert locked
    assert min(locked) >= lowest


def test_uvicorn_is_bounded_to_the_releases_that_were_tested() -> None:
    bound = next(one for one in shipped()["uvicorn"].specifier if one.operator == "<")
    locked = next(one["version"] for one in LOCK["package"] if one["name"] == "uvicorn")
    assert Version(bound.version).release[:2] == (0, Version(locked).release[1] + 1)


def test_the_lock_names_no_registry_but_pypi() -> None:
    hosts = re.findall(r'"(?:https?|file)://([^/"]*)', (ROOT / "uv.lock").read_text("utf-8"))
    assert set(hosts) == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("extra", ["codegen", "emulator"])
def test_what_has_commands_installs_what_the_commands_need(extra: str) -> None:
    included = [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]
    assert any(one.name == "fal-typed" and "cli" in one.extras for one in included)
