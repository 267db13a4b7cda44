"""Text from servers, documents and files, made safe to print."""

from __future__ import annotations

import unicodedata

_KEPT = frozenset("\n\t")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Control characters and unpaired surrogates, and line and paragraph separators.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They change the order in which a line is shown.
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def clean(text: str) -> str:
    r"""Replace characters that control a terminal or reorder a line.

    Args:
        text: Any text.

    Returns:
        The text, with line breaks and tabs as they are.

    >>> clean("a\x1b[2Jb\u202ec\r\n")
    'a�[2Jb�c�\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_REPLACEMENT if is_unsafe(letter) else letter for letter in text)


def one_line(text: str) -> str:
    """`clean` for text of which several lines would hide other output."""
    return " ".join(clean(text).split())


def is_unsafe(letter: str) -> bool:
    """Whether a character controls a terminal or reorders a line."""
    if letter in _KEPT:
        return False
    return unicodedata.category(letter) in _UNSAFE_CATEGORIES or letter in _BIDIRECTIONAL
