"""Converts descriptions of documents to docstrings.

The input is untrusted; the output is plain, wrapped text without HTML, control characters and
bidirectional marks.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata

MAX_LENGTH = 4000
WIDTH = 96
"""Maximum length of a line of a docstring, in characters."""
_ENTRY_LENGTH = 600
# Only known tags: <lora:x:1> and <image> have a meaning in prompts.
_TAGS = (
    "a|b|br|center|code|div|em|font|h[1-6]|hr|i|iframe|img|kbd|li|ol|p|pre|s|script|small|span"
    "|strong|style|sub|sup|table|td|th|tr|tt|u|ul"
)
_TAG = re.compile(rf"</?(?:{_TAGS})\b[^<>]{{0,500}}>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/li|/div|/h[1-6]|/tr)\b[^<>]{0,100}>", re.IGNORECASE)
# Characters that could end a docstring or start an escape sequence.
_QUOTES = re.compile(r'\\|"{3,}|"+\Z')
_LIST_ITEM = re.compile(r"(?:[-*•+]|\d{1,3}[.)])\s+\S")
_HEADING = re.compile(r"#{1,6}\s+(?=\S)|(?=\*\*\S)")
# Editors show Python docstrings as plain text, so Markdown is removed.
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*\*|\*\*|__)(?=\S)([^*_\n]{1,300}?)(?<=\S)\1(?![\w*])")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\((https?://[^\s()]{1,500})\)")


def clean(text: str, width: int) -> str:
    r"""Clean and wrap a description.

    Args:
        text: The description in the document.
        width: Maximum line length in characters.

    Returns:
        Wrapped lines; an empty string if nothing remains.

    >>> clean("The <b>prompt</b>.\u202e  Be\nshort.", 80)
    'The prompt. Be short.'
    """
    text = _plain(text[: MAX_LENGTH * 2])
    if len(text) > MAX_LENGTH:
        text = text[:MAX_LENGTH].rstrip() + " …"
    return "\n\n".join(filter(None, (_wrap(part, width) for part in text.split("\n\n"))))


def entry(name: str, text: str) -> str:
    """Describe a parameter in the section ``Args`` of a docstring.

    Args:
        name: The parameter's name.
        text: Its description in the document.

    Returns:
        One line however long, because pyright shows only the line that has the name.

    >>> entry("seed", "Random seed.")
    '    seed: Random seed.'
    """
    words = " ".join(clean(text, MAX_LENGTH).split())
    short = textwrap.shorten(words, _ENTRY_LENGTH, placeholder=" …", break_on_hyphens=False)
    return f"    {name}: {short}"


def docstring(text: str) -> str:
    r"""Escape text for a docstring with three double quotes.

    Args:
        text: Content of the docstring.

    Returns:
        Source text that cannot end the docstring and contains no escape sequence of the text.

    >>> docstring('Say "hi"')
    'Say "hi\\"'
    """
    return _QUOTES.sub(lambda match: "".join(f"\\{character}" for character in match[0]), text)


def _plain(text: str) -> str:
    text = _TAG.sub("", _BREAK.sub("\n\n", text))
    text = html.unescape(text)
    text = re.sub(r"\r\n?|[\u0085\u2028\u2029\v\f]", "\n", text).replace("\t", "    ")
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c)[0] != "C")
    text = textwrap.dedent(text).strip()
    return re.sub(r"\n\s*\n\s*", "\n\n", text)


def _wrap(paragraph: str, width: int) -> str:
    """Wrap a paragraph; headings and list items stay on their own lines."""
    pieces: list[str] = []
    for line in paragraph.splitlines():
        stripped = " ".join(line.split())
        if pieces and not (_LIST_ITEM.match(stripped) or _HEADING.match(stripped)):
            pieces[-1] = f"{pieces[-1]} {stripped}"
        elif stripped:
            pieces.append(stripped)
    return "\n".join(_fill(_unmarked(piece), width) for piece in pieces)


def _unmarked(piece: str) -> str:
    piece = _LINK.sub(_spelled_out, _HEADING.sub("", piece, count=1))
    return _EMPHASIS.sub(r"\2", piece)


def _spelled_out(link: re.Match[str]) -> str:
    return link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})"


def _fill(piece: str, width: int) -> str:
    indent = "  " if _LIST_ITEM.match(piece) else ""
    return textwrap.fill(
        piece,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
