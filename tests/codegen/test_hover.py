"""What an editor shows when hovering over generated code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.codegen.building import Packages, document, ref
from tests.typing.lsp import CARET, LanguageServer

LONG = (
    "<p>The   <b>size</b> of the\nresult &amp; more.</p>\n\n## Formats\n**Video formats:** .mp4\n"
    "**Image formats:** .png\n- one\n- two\n\n"
    "See the **[guide](https://example.com/guide?a=b)**.\n"
    + "A sentence that is repeated until it is long. " * 12
    + "It keeps <laugh>, `code`, snake_case_names, 2**3, *args and **kwargs"
)
SHOWN = """\
The size of the result & more.

Formats
Video formats: .mp4
Image formats: .png
- one
- two

See the guide (https://example.com/guide?a=b).
"""
PART = {"type": "object", "description": "How *large* it is.", "properties": {"width": {}}}
DOCUMENT = document(
    {
        "size": {"type": "integer", "minimum": 1, "maximum": 4, "description": LONG},
        "seed": {"type": "integer", "minimum": 0, "description": "Where to start"},
        "part": ref("Part"),
        "bare": {"type": "string", "enum": ["a", "b"]},
    },
    required=["size"],
    components={"Part": PART},
    info={"description": "The OpenAPI schema for the acme/echo queue."},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("hover")
    packages = Packages(folder / "packages")
    name, report = packages.make(DOCUMENT)
    assert report.failed == {}
    program = folder / "program"
    program.mkdir()
    shutil.copytree(packages.folder / name, program / "acme_fal")
    with LanguageServer(program) as running:
        yield running


def hover(server: LanguageServer, expression: str) -> str:
    """The prose that is shown at the caret of an expression, as an editor would display it."""
    program = f"from acme_fal.acme.echo import EchoInput, Part, echo\n{expression}\n"
    shown = server.hover(server.open(f"p{abs(hash(expression))}.py", program))
    prose = shown.partition("---\n")[2].replace("&nbsp;", " ")
    prose = re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", prose.replace("&lt;", "<").replace("&gt;", ">"))
    return re.sub(r" +$", "", prose.replace("&amp;", "&"), flags=re.MULTILINE)


def test_a_long_description_with_html_and_markdown(server: LanguageServer) -> None:
    shown = hover(server, f"EchoInput(size=1).si{CARET}ze")
    assert shown.startswith(SHOWN.rstrip("\n").rpartition("\n")[0])
    assert "See the guide (https://example.com/guide?a=b)." in shown
    assert "<laugh>, `code`, snake_case_names, 2**3, *args and" in " ".join(shown.split())
    assert shown.rstrip().endswith("From 1 to 4.")
    assert "\\n" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_facts_are_a_separate_sentence(server: LanguageServer) -> None:
    assert hover(server, f"EchoInput(size=1).se{CARET}ed").strip() == "Where to start. At least 0."


def test_the_endpoint_shows_an_example_call(server: LanguageServer) -> None:
    assert hover(server, f"ec{CARET}ho").strip() == (
        "Returns data.\n\nCall it with `echo.subscribe(size=…)`."
    )


def test_the_platforms_boilerplate_is_not_shown(server: LanguageServer) -> None:
    source = (server._folder / "acme_fal/acme/echo.py").read_text()
    assert "OpenAPI" not in source


def test_a_class_is_described(server: LanguageServer) -> None:
    assert hover(server, f"x: Pa{CARET}rt").strip() == "How *large* it is."
    assert hover(server, f"x: Echo{CARET}Input").strip() == "Parameters of acme/echo."


def test_input_classes_are_described(server: LanguageServer) -> None:
    shown = hover(server, f"Echo{CARET}Input(size=1)")
    assert "pydantic" not in shown
    assert "FalInputError" in shown
