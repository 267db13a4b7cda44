"""Parts of a generated module as source text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RenderedField:
    """A field as source text.

    Attributes:
        name: Its name.
        annotation: Its type.
        argument: Type of what callers can pass for it.
        default: Its default; empty if it is required.
        text: Its description, as plain text.
        doc: Its docstring.
    """

    name: str
    annotation: str
    argument: str
    default: str
    text: str
    doc: str


@dataclass(frozen=True)
class DictEntry:
    """A key of a dict's type as source text.

    Attributes:
        wire: The key.
        name: The name of the model's field; the key if that is a valid name.
        annotation: Type of its value.
        required: Whether the key is required.
        doc: Its documentation as plain text; empty if it has none.
    """

    wire: str
    name: str
    annotation: str
    required: bool
    doc: str = ""

    @property
    def key(self) -> str:
        """The key as a literal."""
        return repr(self.wire)

    @property
    def type(self) -> str:
        """The type in the dict's type."""
        return self.annotation if self.required else f"NotRequired[{self.annotation}]"


@dataclass(frozen=True)
class RenderedDict:
    """The type of a dict as source text.

    Attributes:
        name: Its name.
        doc: Its documentation.
        entries: Its keys.
        as_class: Whether it can be written as a class.
        body: The type as a whole, if it is no dict; else empty.
    """

    name: str
    doc: str
    entries: tuple[DictEntry, ...]
    as_class: bool
    body: str = ""


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
        init: Its constructor for type checkers, if that differs from the fields.
        as_dict: Type of the dicts that stand for it, if it is a nested input.
        is_alias: Whether it is an alias.
    """

    name: str
    bases: str
    decorator: str
    doc: str
    config: str
    fields: tuple[RenderedField, ...]
    init: RenderedMethod | None = None
    as_dict: RenderedDict | None = None
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
