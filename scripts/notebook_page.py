"""Runs the tutorial notebook and renders it, with its outputs, into a page of the site.

MkDocs calls it for each page (``hooks`` in mkdocs.yml); a page that contains
``<!-- notebook: NAME.ipynb -->`` gets the notebook there.
"""

from __future__ import annotations

import base64
import html
import os
import re
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
_PLACE = re.compile(r"<!-- notebook: ([\w.-]+) -->")
_SOURCE = re.compile(r'(<(?:img|audio|video) src=")(http://127\.0\.0\.1:\d+/[^"]*)')
_LINK = re.compile(r'<a href="http://127\.0\.0\.1:[^>]*>(.*?)</a>')
_COLOR = re.compile(r"\x1b\[[\d;]*m")
_TIMEOUT = 120


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put notebooks into a page; called by MkDocs."""
    return _PLACE.sub(lambda match: rendered(executed(ROOT / "docs" / match[1])), markdown)


def executed(path: Path) -> NotebookNode:
    """Run a notebook in a folder of its own, and keep the files that its outputs show.

    Args:
        path: The notebook; it starts the emulator, and its last cell stops it.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=_TIMEOUT, resources=resources)
        client.on_cell_executed = _keep_files
        client.execute(env={**os.environ, "FAL_HOME_DIR": folder})
    return notebook


def _keep_files(cell: NotebookNode, **_: Any) -> None:
    """Replace the emulator's URLs by data URIs, while it runs, and remove links to it."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/html" in data:
            shown = _SOURCE.sub(_inlined, data["text/html"])
            data["text/html"] = _LINK.sub(r"\1", shown)


def _inlined(match: re.Match[str]) -> str:
    with urllib.request.urlopen(html.unescape(match[2]), timeout=30) as response:  # noqa: S310
        content, media_type = response.read(), response.headers["content-type"]
    return f"{match[1]}data:{media_type};base64,{base64.b64encode(content).decode()}"


def rendered(notebook: NotebookNode) -> str:
    """Write an executed notebook as Markdown."""
    return "\n\n".join(_cell(cell) for cell in notebook.cells)


def _cell(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return str(cell.source)
    return "\n\n".join([f"```python\n{cell.source}\n```", *map(_output, cell.outputs)])


def _output(output: NotebookNode) -> str:
    if output.output_type == "error":
        return _text("\n".join(output.traceback))
    if output.output_type == "stream":
        return _text(output.text)
    shown = output.data.get("text/html")
    if shown is None:
        return _text(output.data.get("text/plain", ""))
    lines = [line for line in shown.splitlines() if line.strip()]  # a blank line ends HTML
    return '<div class="notebook-output">\n{}\n</div>'.format("\n".join(lines))


def _text(text: str) -> str:
    return f"```text\n{_COLOR.sub('', text).rstrip()}\n```"
