"""Makes a document's prose fit to stand in a docstring.

What comes in is text that nobody vouches for; what goes out is plain, wrapped text without
HTML, control characters or characters that change the direction of reading.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata

MAX_LENGTH = 4000
# Known tags only: in prompts, <lora:x:1> and <image> mean something.
_TAGS = (
    "a|b|br|center|code|div|em|font|h[1-6]|hr|i|iframe|img|kbd|li|ol|p|pre|s|script|small|span"
    "|strong|style|sub|sup|table|td|th|tr|tt|u|ul"
)
_TAG = re.compile(rf"</?(?:{_TAGS})\b[^<>]{{0,500}}>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/li|/div|/h[1-6]|/tr)\b[^<>]{0,100}>", re.IGNORECASE)
# What could end a docstring, and what could begin an escape sequence in it.
_QUOTES = re.compile(r'\\|"{3,}|"+\Z')
_LIST_ITEM = re.compile(r"(?:[-*•+]|\d{1,3}[.)])\s+\S")
_HEADING = re.compile(r"#{1,6}\s+(?=\S)|(?=\*\*\S)")
# Editors show docstrings of Python as plain text: what Markdown marks them with would only disturb.
_EMPHASIS = re.compile(r"(?<![\w*])(\*\*\*|\*\*|__)(?=\S)([^*_\n]{1,300}?)(?<=\S)\1(?![\w*])")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\((https?://[^\s()]{1,500})\)")


def clean(text: str, width: int) -> str:
    r"""Clean and wrap a description.

    Args:
        text: The description as the document has it.
        width: Longest line, in characters.

    Returns:
        Wrapped lines; an empty string when nothing is left.

    >>> clean("The <b>prompt</b>.\u202e  Be\nshort.", 80)
    'The prompt. Be short.'
    """
    text = _plain(text[: MAX_LENGTH * 2])
    if len(text) > MAX_LENGTH:
        text = text[:MAX_LENGTH].rstrip() + " …"
    return "\n\n".join(filter(None, (_wrap(part, width) for part in text.split("\n\n"))))


def docstring(text: str) -> str:
    r"""Write text as the inside of a docstring with three double quotes.

    Args:
        text: What the docstring is to say.

    Returns:
        Source text that neither ends the docstring nor holds an escape sequence of the text's.

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
    """Fill a paragraph; headings and items of a list keep lines of their own."""
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
