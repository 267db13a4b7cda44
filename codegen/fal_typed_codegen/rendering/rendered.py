"""Parts of a generated module as source text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RenderedField:
    """A field as source text.

    Attributes:
        name: Its name.
        annotation: Its type.
        default: Its default; empty if it is required.
        text: Its description, as plain text.
        doc: Its docstring.
    """

    name: str
    annotation: str
    default: str
    text: str
    doc: str


@dataclass(frozen=True)
class RenderedClass:
    """A class or an alias as source text.

    Attributes:
        name: Its name.
        bases: Its bases; the type of an alias.
        decorator: Its decorator; empty if it has none.
        doc: Its docstring.
        config: Its model configuration; empty if it has none.
        fields: Its fields.
        is_alias: Whether it is an alias.
    """

    name: str
    bases: str
    decorator: str
    doc: str
    config: str
    fields: tuple[RenderedField, ...]
    is_alias: bool = False


@dataclass(frozen=True)
class RenderedMethod:
    """A method as source text.

    Attributes:
        start: `def` or `async def`.
        name: Its name.
        parameters: Its parameters after `self`.
        returns: Its return type.
        doc: Its docstring.
        decorator: Its decorator; empty if it has none.
    """

    start: str
    name: str
    parameters: str
    returns: str
    doc: str
    decorator: str = ""


@dataclass(frozen=True)
class TypingClass:
    """A class for type checkers as source text.

    Attributes:
        name: Its name.
        base: Its base class.
        methods: Its methods.
    """

    name: str
    base: str
    methods: tuple[RenderedMethod, ...]
