"""What Jupyter, VS Code and other notebooks show for results and models."""

from __future__ import annotations

from typing import Any, cast


class NotebookView:
    """Base class of everything that notebooks show as HTML."""

    def _repr_html_(self) -> str:
        from fal_typed._display.result_html import html_of

        return html_of(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def show_lists_of_files() -> None:
    """Make the running IPython, if there is one, show lists of files as it shows files."""
    import sys

    ipython = cast("Any", sys.modules.get("IPython"))
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
    if shell is not None:
        formatters = shell.display_formatter.formatters
        formatters["text/html"].for_type(list, _list_html)


def _list_html(items: list[object]) -> str | None:
    from fal_typed._display.media_html import files_html, is_file

    if not items or isinstance(items[0], dict) or not all(is_file(item) for item in items):
        return None  # IPython shows other lists as it does without us
    return files_html(items)


def trimmed_traceback(error: BaseException) -> list[str]:
    """The traceback that IPython shows for an error, without the frames of libraries."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    trace = _without_internal_frames(error.__traceback__)
    view = shell.InteractiveTB
    return cast(
        "list[str]",
        view.structured_traceback(type(error), error, trace, tb_offset=view.tb_offset),
    )


_INTERNAL = ("fal_typed", "pydantic", "contextlib")


def _without_internal_frames(trace: Any) -> Any:
    from types import TracebackType

    frames: list[Any] = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept = None
    for entry in reversed(frames):
        name = str(entry.tb_frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _INTERNAL:
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept or (frames[0] if frames else None)
