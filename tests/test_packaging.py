"""What the distributions contain, and what building them leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
SHIPPED = ("codegen/fal_typed_codegen/", "schemas/", "src/fal_typed/")
STRAY = (
    ".env",
    "notes.txt",
    "recordings/tape.json",
    "emulator-ca.pem",
    "schemas/.env",
    "src/fal_typed/.env",
    "src/fal_typed/key.pem",
    "src/fal_typed/testing/recording.json",
    "tests/secrets.py",
)
DOCUMENT = "schemas/fal-ai/flux/dev.json"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small copy of the project, with files beside it that nobody meant to publish."""
    folder = tmp_path / "checkout"
    for name in (
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "hatch_build.py",
        "pyproject.toml",
        "codegen/fal_typed_codegen/__init__.py",
        "src/fal_typed/__init__.py",
        "src/fal_typed/_version.py",
        "src/fal_typed/py.typed",
        DOCUMENT,
    ):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    for name in STRAY:
        stray = folder / name
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_text("FAL_KEY=secret")
    return folder


def test_the_sdist_contains_no_stray_files(checkout: Path, tmp_path: Path) -> None:
    archive = next(SdistBuilder(str(checkout)).build(directory=str(tmp_path / "dist")))
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    assert not names & set(STRAY)
    assert {DOCUMENT, "src/fal_typed/py.typed", "hatch_build.py", "pyproject.toml"} <= names


def test_the_sdist_contains_every_committed_file_of_the_packages() -> None:
    listed = subprocess.run(
        ["git", "ls-files", *SHIPPED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    committed = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    files = SdistBuilder(str(ROOT)).recurse_included_files()
    packed = {Path(file.distribution_path).as_posix() for file in files}
    assert committed
    assert not committed - packed


def test_building_the_wheel_leaves_no_temporary_files(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    wheel = next(WheelBuilder(str(checkout)).build(directory=str(tmp_path / "dist")))
    assert "fal_typed/schemas.zip" in zipfile.ZipFile(wheel).namelist()
    assert not list(temporary.iterdir())
