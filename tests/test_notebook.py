"""The tutorial notebook runs in a real kernel, and shows files, progress and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

from scripts.notebook_page import ROOT, executed, rendered

if TYPE_CHECKING:
    from nbformat import NotebookNode


@pytest.fixture(scope="module")
def tutorial() -> NotebookNode:
    return executed(ROOT / "docs" / "notebook.ipynb")


def shown_by(notebook: NotebookNode, source: str) -> list[Any]:
    """The outputs of the cell with a text in its source."""
    (cell,) = [cell for cell in notebook.cells if source in cell.source]
    return list(cell.outputs)


def html_of(output: Any) -> str:
    return str(output.data["text/html"])


def test_a_result_shows_its_image_and_its_progress(tutorial: NotebookNode) -> None:
    progress, result = shown_by(tutorial, "num_inference_steps=28")
    assert "<b>fal-ai/flux/dev</b> completed, " in html_of(progress)
    assert "Saving result" in html_of(progress)
    assert html_of(result).count("<img") == 1
    assert "text/plain" in result.data


def test_a_list_of_files_shows_them_all(tutorial: NotebookNode) -> None:
    assert html_of(shown_by(tutorial, "num_images=4")[-1]).count("<img") == 4


def test_audio_plays(tutorial: NotebookNode) -> None:
    assert "<audio" in html_of(shown_by(tutorial, "speak.subscribe")[0])


def test_concurrent_calls_have_a_display_each(tutorial: NotebookNode) -> None:
    *progress, images = shown_by(tutorial, "asyncio.gather")
    assert ["completed" in html_of(output) for output in progress] == [True] * 3
    assert html_of(images).count("<img") == 3


def test_an_error_shows_the_callers_lines_only(tutorial: NotebookNode) -> None:
    (error,) = shown_by(tutorial, "num_images=9")
    text = "\n".join(error.traceback)
    assert error.ename == "FalInputError"
    assert "num_images: Input should be less than or equal to 4" in text
    assert "site-packages" not in text
    assert "src/fal_typed" not in text
    assert text.count("---->") == 1


def test_the_rendered_page_needs_no_emulator(tutorial: NotebookNode) -> None:
    page = rendered(tutorial)
    assert "127.0.0.1" not in page
    assert "\x1b" not in page
    assert page.count("<img") == 9
    assert page.count("```") % 2 == 0


OTHERS = """
from IPython import get_ipython
from fal_typed import Image, files
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev
get_ipython().run_cell("[1, 2]")
---
[{"url": "https://x.example/a.png"}]
---
[]
---
[Image(url="https://x.example/a.png"), 1]
---
[Image(url="https://x.example/a.png")]
---
def helper():
    return FluxDevInput(num_images=9)
def caller():
    helper()
caller()
---
import os
from fal_typed.testing import FalEmulator
emulator = FalEmulator().__enter__()
os.environ["FAL_EMULATOR_HOST"] = emulator.host
async def callback(status):
    raise ValueError("mine")
await flux_dev.with_options(on_queue_update=callback, progress=True).subscribe_async(prompt="a")
---
import fal_typed
fal_typed.subscribe("fal-ai/flux/dev", {"prompt": 3})
"""


@pytest.fixture(scope="module")
def others() -> list[Any]:
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in OTHERS.split("---")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, allow_errors=True).execute()
    return [cell.outputs for cell in notebook.cells]


def test_other_lists_are_shown_as_without_us(others: list[Any]) -> None:
    for (output,) in others[1:4]:
        assert list(output.data) == ["text/plain"]
    assert "<img" in html_of(others[4][0])


def test_the_traceback_keeps_all_lines_of_the_caller(others: list[Any]) -> None:
    text = "\n".join(others[5][0].traceback)
    assert text.count("---->") == 3
    assert "pydantic" not in text


def test_an_error_of_a_callback_keeps_its_traceback(others: list[Any]) -> None:
    progress, error = others[6]
    assert "ended with ValueError" in html_of(progress)
    assert error.ename == "ValueError"


def test_an_error_of_the_platform_is_short_too(others: list[Any]) -> None:
    (error,) = others[7]
    assert error.ename == "FalValidationError"
    assert "\n".join(error.traceback).count("---->") == 1
