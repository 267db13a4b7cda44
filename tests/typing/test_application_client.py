"""What type checkers and editors know of an application's own client.

The checkers' words stand in files beside the programs. After a change that is meant:
``UPDATE_GOLDEN=1 make test TESTS=tests/typing/test_application_client.py``, then read the
difference.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fal_typed_codegen.application.package import generate_application
from fal_typed_codegen.application.project import Project

from tests.typing.checkers import mypy, pyright
from tests.typing.lsp import CARET, LanguageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLICATION = Path(__file__).parent / "application"
PROGRAMS = ("right.py", "wrong.py", "lenient.py")
CHECKERS: dict[str, Callable[[Path], dict[str, str]]] = {"mypy": mypy, "pyright": pyright}
IMPORT = "from shop.fal import client\nimport shop.fal as fal_client\n"

# One worker generates the application, and starts each checker once.
pytestmark = pytest.mark.xdist_group("application")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two generated packages: one as usual, one that takes unknown ids."""
    root = tmp_path_factory.mktemp("application")
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/__init__.py").touch()
    for name, is_lenient in (("fal", False), ("lenient", True)):
        generate_application(
            Project(
                root=root,
                output=root / "src/shop" / name,
                package=f"shop.{name}",
                endpoints=("fal-ai/flux/dev", "fal-ai/flux/schnell"),
                documents=(APPLICATION / "portrait.json",),
                allow_unknown_ids=is_lenient,
            ),
            jobs=1,
        )
    return root


@pytest.fixture(scope="module", params=CHECKERS)
def words(
    request: pytest.FixtureRequest, made: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """One checker's name and its words by program."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    for name in PROGRAMS:
        shutil.copy(APPLICATION / name, folder)
    return request.param, CHECKERS[request.param](folder)


@pytest.mark.parametrize("name", PROGRAMS)
def test_words_are_as_recorded(words: tuple[str, dict[str, str]], name: str) -> None:
    checker, said = words
    golden = APPLICATION / f"{Path(name).stem}.{checker}.txt"
    found = shortened(said.get(name, ""))
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_generated_code_is_clean_in_strict_mode(words: tuple[str, dict[str, str]]) -> None:
    _, said = words
    assert said.keys() <= set(PROGRAMS), said.keys() - set(PROGRAMS)


def test_every_mistake_is_found_by_both() -> None:
    source = (APPLICATION / "wrong.py").read_text(encoding="utf-8").splitlines()
    starts = ("client.", "fal_client.", "async_client.", "connection.", "print(", "named")
    calls = {n for n, line in enumerate(source, 1) if line.lstrip().startswith(starts)}
    for checker in CHECKERS:
        assert calls - complaints_of("wrong", checker) == set()
        assert complaints_of("right", checker) == set()
        assert complaints_of("lenient", checker) == set()


def test_ruff_has_nothing_to_say(made: Path) -> None:
    for options in ([], ["--ignore-noqa", "--select=E4,E7,E9,F"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", *options, "src"],
            cwd=made,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("edited")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    with LanguageServer(folder) as running:
        yield running


@pytest.mark.parametrize(
    "call",
    [
        "client.subscribe(", "client.submit(", "client.status(", "client.result(",
        "fal_client.run(", "fal_client.subscribe_async(",
    ],
)  # fmt: skip
def test_ids_are_offered_inside_the_quotes(server: LanguageServer, call: str) -> None:
    caret = server.open("ids.py", f'{IMPORT}{call}"{CARET}"')
    offered = {label.strip('"') for label in server.completions(caret)}
    assert {"fal-ai/flux/dev", "fal-ai/flux/schnell", "shop-team/portrait"} <= offered


@pytest.mark.parametrize("call", ["client.subscribe", "fal_client.submit", "client.run"])
def test_keys_of_the_arguments_are_offered(server: LanguageServer, call: str) -> None:
    program = f'{IMPORT}{call}("fal-ai/flux/dev", arguments={{"{CARET}"}})'
    offered = {label.strip('"') for label in server.completions(server.open("keys.py", program))}
    assert {"prompt", "image_size", "num_images"} <= offered
    assert "3d-model" not in offered


def test_keys_that_are_no_names_and_nested_keys_are_offered(server: LanguageServer) -> None:
    program = f'{IMPORT}client.run("shop-team/portrait", {{"image_url": "", "{CARET}"}})'
    offered = {label.strip('"') for label in server.completions(server.open("keys2.py", program))}
    assert {"3d-model", "class", "items"} <= offered
    program = (
        f'{IMPORT}client.run("fal-ai/flux/dev", {{"prompt": "", "image_size": {{"{CARET}"}}}})'
    )
    offered = {label.strip('"') for label in server.completions(server.open("keys3.py", program))}
    assert {"width", "height"} <= offered


def test_allowed_values_are_offered(server: LanguageServer) -> None:
    program = f'{IMPORT}client.run("fal-ai/flux/dev", {{"prompt": "", "image_size": "{CARET}"}})'
    offered = {label.strip('"') for label in server.completions(server.open("values.py", program))}
    assert {"square_hd", "landscape_4_3"} <= offered


def test_fields_of_the_result_are_offered(server: LanguageServer) -> None:
    program = f'{IMPORT}client.subscribe("fal-ai/flux/dev", {{"prompt": ""}}).data.{CARET}'
    offered = server.completions(server.open("fields.py", program))
    assert {"images", "seed"} <= set(offered)


def shortened(words: str) -> str:
    """The words without mypy's list of every overload, which changes with every option."""
    lines = words.splitlines(keepends=True)
    return "".join(line for line in lines if " note:     def " not in line)


def complaints_of(program: str, checker: str) -> set[int]:
    """Numbers of the lines in which a checker found an error."""
    lines = (APPLICATION / f"{program}.{checker}.txt").read_text(encoding="utf-8").splitlines()
    return {
        int(line.partition(":")[0])
        for line in lines
        if ": error: " in line and line.partition(":")[0].isdigit()
    }
