"""Draws what an editor shows: ``docs/assets/completion.svg`` and ``docs/assets/diagnostic.svg``.

The words come from pyright's language server and from mypy; nothing is typed in by hand. Run it with
``make pictures`` after a change of signatures. ``tests/test_pictures.py`` compares the files.
"""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String, Token

from tests.typing.checkers import mypy, pyright
from tests.typing.lsp import CARET, LanguageServer

ASSETS = Path(__file__).parent.parent / "docs" / "assets"
CHARACTER, LINE = 8.43, 22.0
MARGIN, TOP = 24.0, 52.0
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_PLAIN, _DIM, _RED, _BLUE = "#d6deeb", "#8b98ad", "#ff7b86", "#82aaff"
_COLORS = {
    Keyword: "#c792ea",
    String: "#a5d6a7",
    Number: "#f78c6c",
    Comment: _DIM,
    Name.Function: _BLUE,
    Token: _PLAIN,
}

IMPORT = "from fal_typed.endpoints.fal_ai.flux.dev import flux_dev\n\n"
PARAMETERS = f'{IMPORT}result = flux_dev.subscribe(prompt="a cat", {CARET})'
PRESETS = f'{IMPORT}result = flux_dev.subscribe(prompt="a cat", image_size="{CARET}")'
FIELDS = f'{IMPORT}result = flux_dev.subscribe(prompt="a cat")\nresult.data.{CARET}'
MISTAKES = f"""{IMPORT}flux_dev.subscribe(promt="a cat")
flux_dev.subscribe(prompt="a cat", image_size="big")
"""


def main() -> None:
    """Write both pictures."""
    ASSETS.mkdir(exist_ok=True)
    for name, picture in pictures().items():
        (ASSETS / name).write_text(picture, encoding="utf-8")


def pictures() -> dict[str, str]:
    """Draw both pictures.

    Returns:
        SVG by file name.
    """
    with tempfile.TemporaryDirectory() as name:
        return {
            "completion.svg": _completion(Path(name)),
            "diagnostic.svg": _diagnostic(Path(name)),
        }


class Drawing:
    """An editor window with lines of code, popups and underlines."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._y = TOP
        self._width = 0.0

    def code(self, source: str) -> list[float]:
        """Draw lines of Python; returns the baseline of each."""
        baselines = []
        for line in source.rstrip("\n").split("\n"):
            spans = "".join(
                f'<tspan fill="{_color(kind)}">{escape(text)}</tspan>'
                for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(line)
            )
            self._text(MARGIN, self._y, spans)
            self._grow(MARGIN + len(line) * CHARACTER)
            baselines.append(self._y)
            self._y += LINE
        return baselines

    def note(self, text: str, color: str) -> None:
        """Draw a line of plain text below the code."""
        self._text(MARGIN, self._y, f'<tspan fill="{color}">{escape(text)}</tspan>')
        self._grow(MARGIN + len(text) * CHARACTER)
        self._y += LINE

    def gap(self, height: float = LINE / 2) -> None:
        """Leave some space."""
        self._y += height

    def popup(self, column: int, items: list[str]) -> None:
        """Draw a list of completions below the last line, the first of them selected."""
        left, top = MARGIN + column * CHARACTER - 8, self._y - LINE + 8
        width = max(len(item) for item in items) * CHARACTER + 60
        height = len(items) * LINE + 8
        self._rectangle((left, top, width, height), "#1d2b45", 'stroke="#3a4c6e"')
        self._rectangle((left + 4, top + 4, width - 8, LINE), "#31507f")
        for index, item in enumerate(items):
            y = top + LINE * (index + 1) - 2
            self._text(left + 14, y, f'<tspan fill="{_BLUE}">▪</tspan>')
            self._text(left + 36, y, f'<tspan fill="{_PLAIN}">{escape(item)}</tspan>')
        self._grow(left + width)
        self._y = top + height + LINE + 6

    def caret(self, column: int, baseline: float) -> None:
        """Draw the text cursor."""
        x = MARGIN + column * CHARACTER
        self._rectangle((x, baseline - 14, 2, 18), "#ffcc66")

    def underline(self, start: int, length: int, baseline: float) -> None:
        """Draw a wavy line under a mistake."""
        x, wave = (
            MARGIN + start * CHARACTER,
            "q 2 -4 4 0 q 2 4 4 0 " * round(length * CHARACTER / 8),
        )
        self._parts.append(
            f'<path d="M {x:.1f} {baseline + 5:.1f} {wave}" stroke="{_RED}" fill="none"/>'
        )

    def svg(self) -> str:
        """The finished picture."""
        width, height = round(self._width + MARGIN), round(self._y - 4)
        dots = "".join(
            f'<circle cx="{20 + 18 * n}" cy="18" r="5.5" fill="{color}"/>'
            for n, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="{_FONT}" font-size="14">\n'
            f"<title>{escape(self._title)}</title>\n"
            f'<rect width="{width}" height="{height}" rx="8" fill="#0f1a2e"/>\n{dots}\n'
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )

    def _text(self, x: float, y: float, spans: str) -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve">{spans}</text>')

    def _rectangle(self, box: tuple[float, ...], fill: str, more: str = "") -> None:
        x, y, width, height = box
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" '
            f'fill="{fill}" {more}/>'
        )

    def _grow(self, right: float) -> None:
        self._width = max(self._width, right)


def _completion(folder: Path) -> str:
    drawing = Drawing("Completion of parameters, their values, and the fields of a result")
    with LanguageServer(folder) as server:
        for index, program in enumerate((PARAMETERS, PRESETS, FIELDS)):
            offered = server.completions(server.open(f"program_{index}.py", program))
            _complete(drawing, program if index == 0 else program.removeprefix(IMPORT), offered)
    return drawing.svg()


def _complete(drawing: Drawing, program: str, offered: list[str]) -> None:
    before, _, after = program.partition(CARET)
    column = len(before.split("\n")[-1])
    baselines = drawing.code(before + after)
    drawing.caret(column, baselines[-1])
    ours = [item for item in offered if item.endswith("=") or item.startswith('"')]
    drawing.popup(column, ours or offered[:5])


def _diagnostic(folder: Path) -> str:
    (folder / "program.py").write_text(MISTAKES, encoding="utf-8")
    for other in folder.glob("program_*.py"):
        other.unlink()
    found = {"mypy": mypy(folder)["program.py"], "pyright": pyright(folder)["program.py"]}
    drawing = Drawing("mypy and pyright report a wrong parameter and a wrong value")
    baselines = drawing.code(MISTAKES)
    for line, wrong in ((2, "promt"), (3, '"big"')):
        column = MISTAKES.split("\n")[line].index(wrong)
        drawing.underline(column, len(wrong), baselines[line])
    for checker, words in found.items():
        drawing.gap()
        drawing.note(checker, _DIM)
        for message in _messages(words):
            drawing.note(message, _RED)
    return drawing.svg()


def _messages(words: str) -> list[str]:
    """The first line of each message, without the rule's name and shortened to fit."""
    firsts = [line for line in words.splitlines() if ": error: " in line]
    return [_shortened(line.partition("  [")[0].partition(" [report")[0]) for line in firsts]


def _shortened(text: str, length: int = 100) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _color(kind: object) -> str:
    return next(color for known, color in _COLORS.items() if kind in known)


if __name__ == "__main__":
    main()
