"""The kinds of changes between documents, and what each means for a caller of the typed code.

Run ``python -m fal_typed_codegen.diff.change_kinds`` for the table that stands in docs/changes.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["breaking", "compatible", "docs"]
Shown: TypeAlias = Literal["type check", "run time", "app", ""]

LEVELS: tuple[Level, ...] = ("breaking", "compatible", "docs")
"""The classes of changes, the worst first."""


@dataclass(frozen=True)
class Kind:
    """One kind of change.

    Attributes:
        level: What it means for callers.
        text: What happened, in words that can stand before the old and the new value.
        why: Why it has its class.
        shown: Where a program that was right before meets a breaking change: in the type checker,
            before it sends something, or in what the app answers.
    """

    level: Level
    text: str
    why: str
    shown: Shown = ""


class Difference(NamedTuple):
    """One change, in an endpoint.

    Attributes:
        kind: A name out of `KINDS`.
        place: Where it is, such as ``input.loras[].scale``.
        old: What was there, in words; empty when nothing was.
        new: What is there now.
    """

    kind: str
    place: str
    old: str = ""
    new: str = ""


def _types(text: str, why: str) -> Kind:
    return Kind("breaking", text, why, "type check")


def _run(text: str, why: str) -> Kind:
    return Kind("breaking", text, why, "run time")


def _fine(text: str, why: str) -> Kind:
    return Kind("compatible", text, why)


def _docs(text: str, why: str) -> Kind:
    return Kind("docs", text, why)


_ACCEPTED = "all that was accepted still is"
_HANDLED = "what comes fits the type that programs expect"
_REFUSED = "a value that was accepted is refused before it is sent"
_INVARIANT = "a list or dict of the old type is not one of the new type, whichever is wider"
_WORDS = "only what people read changes"

KINDS: dict[str, Kind] = {
    # endpoints
    "endpoint-added": _fine("new endpoint", "nobody calls it yet"),
    "endpoint-removed": _types("endpoint is gone", "its module is gone with it"),
    "endpoint-moved": _types("module has another name", "importing the old one fails"),
    "endpoint-changed": _types(
        "interface changed",
        "two locks show that, not how: it counts as breaking until the documents are compared",
    ),
    "route-kind-changed": Kind(
        "breaking", "route is called otherwise", "a call, a stream and a session are three", "app"
    ),
    "route-mode-changed": Kind(
        "breaking", "sessions have another mode", "who sends how often is another", "app"
    ),
    "route-settings-changed": _fine(
        "settings of sessions changed", "the typed code sends as the document says"
    ),
    "endpoint-deprecated": _fine("endpoint is deprecated", "it still works; callers are warned"),
    "endpoint-undeprecated": _docs("endpoint is deprecated no longer", _WORDS),
    # parameters
    "input-field-added": _fine("new parameter", "it is optional, so calls need not give it"),
    "input-field-added-required": _types("new required parameter", "calls do not give it"),
    "input-field-removed": _types("parameter is gone", "calls that give it are refused"),
    "input-field-renamed": _types(
        "parameter has another name in Python", "calls give it under the old one"
    ),
    "input-field-required": _types("parameter became required", "calls may leave it out"),
    "input-field-optional": _fine("parameter became optional", _ACCEPTED),
    "input-nullable": _fine("parameter takes null", _ACCEPTED),
    "input-not-nullable": _types("parameter takes null no longer", "calls may give None"),
    "input-default-added": _fine(
        "default is stated", "calls stay right; what they get without it may differ"
    ),
    "input-default-changed": _fine(
        "default changed", "calls stay right; what they get without it may differ"
    ),
    "input-default-removed": _fine(
        "default is stated no longer", "calls stay right; what they get without it may differ"
    ),
    "input-field-deprecated": _fine("parameter is deprecated", "it still works"),
    "input-field-undeprecated": _docs("parameter is deprecated no longer", _WORDS),
    # types of parameters
    "input-type-changed": _types("type changed", "values of the old type are refused"),
    "input-type-widened": _fine("takes further types", _ACCEPTED),
    "input-type-narrowed": _types("takes fewer types", "values of the lost types are refused"),
    "input-integer-to-number": _fine("takes fractions", "an int is a float to type checkers"),
    "input-number-to-integer": _types("takes whole numbers only", "calls may give fractions"),
    "input-became-any": _fine("takes any type", _ACCEPTED),
    "input-any-narrowed": _types("takes one type only, was any", "calls may give any other"),
    "input-item-type-changed": _types("type of items changed", _INVARIANT),
    "input-text-became-file": _fine("takes files", "a URL is still accepted"),
    "input-file-became-text": _types("takes text only, was a file", "calls may give a path"),
    # values of parameters
    "input-value-added": _fine("further allowed value", _ACCEPTED),
    "input-value-removed": _types("allowed value is gone", "calls may give it"),
    "input-values-lifted": _fine("takes any value, was a list of values", _ACCEPTED),
    "input-values-imposed": _types("takes a list of values only", "calls may give others"),
    "input-constant-changed": _types("only allowed value changed", "calls give the old one"),
    # bounds of parameters
    "input-minimum-raised": _run("minimum is higher", _REFUSED),
    "input-minimum-lowered": _fine("minimum is lower", _ACCEPTED),
    "input-maximum-lowered": _run("maximum is lower", _REFUSED),
    "input-maximum-raised": _fine("maximum is higher", _ACCEPTED),
    "input-step-coarser": _run("steps are coarser", _REFUSED),
    "input-step-finer": _fine("steps are finer", _ACCEPTED),
    "input-min-length-raised": _run("shortest length is longer", _REFUSED),
    "input-min-length-lowered": _fine("shortest length is shorter", _ACCEPTED),
    "input-max-length-lowered": _run("longest length is shorter", _REFUSED),
    "input-max-length-raised": _fine("longest length is longer", _ACCEPTED),
    "input-min-items-raised": _run("takes more items at least", _REFUSED),
    "input-min-items-lowered": _fine("takes fewer items at least", _ACCEPTED),
    "input-max-items-lowered": _run("takes fewer items at most", _REFUSED),
    "input-max-items-raised": _fine("takes more items at most", _ACCEPTED),
    "input-repeats-refused": _run("takes no item twice", _REFUSED),
    "input-repeats-taken": _fine("takes items twice", _ACCEPTED),
    "input-min-entries-raised": _run("takes more entries at least", _REFUSED),
    "input-min-entries-lowered": _fine("takes fewer entries at least", _ACCEPTED),
    "input-max-entries-lowered": _run("takes fewer entries at most", _REFUSED),
    "input-max-entries-raised": _fine("takes more entries at most", _ACCEPTED),
    "input-pattern-changed": _run("pattern is new or another", "texts of the old form may not fit"),
    "input-pattern-removed": _fine("pattern is gone", _ACCEPTED),
    "input-bounds-changed": _run("bounds of a union changed", "values may fit no member any more"),
    "input-closed": _run("takes no unnamed parameters", "those that calls pass are refused"),
    "input-opened": _fine("takes unnamed parameters", _ACCEPTED),
    "limits-changed": _fine(
        "limits of files changed", "they are the platform's to check, the typed code states them"
    ),
    # classes
    "class-added": _fine("new class", "nobody imports it yet"),
    "class-removed": _types("class is gone", "importing it fails"),
    "class-renamed": _types("class has another name", "importing the old one fails"),
    # fields of results
    "output-field-added": _fine("new field", "results keep fields that nobody asks for"),
    "output-field-removed": _types("field is gone", "programs may read it"),
    "output-field-renamed": _types("field has another name in Python", "programs read the old one"),
    "output-may-be-none": _types("field may be missing or null", "programs do not expect None"),
    "output-never-none": _fine("field is always there", _HANDLED),
    "output-presence-changed": _fine(
        "field is demanded or no longer", "it reads the same: None stands for a missing one"
    ),
    "output-default-changed": _docs(
        "value that stands for a missing field changed", "what the platform sends is no other"
    ),
    "output-field-deprecated": _fine("field is deprecated", "it is still there"),
    "output-field-undeprecated": _docs("field is deprecated no longer", _WORDS),
    # types of results
    "output-type-changed": _types("type changed", "programs expect the old one"),
    "output-type-widened": _types("comes in further types", "programs do not expect those"),
    "output-type-narrowed": _fine("comes in fewer types", _HANDLED),
    "output-integer-to-number": _types("may be a fraction", "programs expect an int"),
    "output-number-to-integer": _fine("is always whole", "an int is a float to type checkers"),
    "output-became-any": _types(
        "may be of any type", "strict checkers refuse to pass on a value of no known type"
    ),
    "output-any-typed": _types("is of one type, was any", "programs may expect another"),
    "output-item-type-changed": _types("type of items changed", _INVARIANT),
    "output-file-kind-narrowed": _fine(
        "file is of a narrower kind, or an object became one", "it has all that was there"
    ),
    "output-file-kind-changed": _types("file is of another kind", "attributes are gone"),
    # values of results
    "output-value-added": _types(
        "further possible value", "a `match` that ends in `assert_never` is exhaustive no longer"
    ),
    "output-value-removed": _fine("value comes no longer", _HANDLED),
    "output-values-lifted": _types("may be any value", "programs expect a literal type"),
    "output-values-imposed": _fine("is one of a list of values", _HANDLED),
    "output-constant-changed": _types("only value changed", "programs expect the old one"),
    # what the typed code shows to people only, or not at all
    "output-bounds-changed": _docs("bounds of a result changed", "results are not held to bounds"),
    "description-changed": _docs("description changed", _WORDS),
    "title-changed": _docs("title changed", _WORDS),
    "examples-changed": _docs("examples changed", _WORDS),
    "category-changed": _docs("category changed", _WORDS),
    "links-changed": _docs("links or pictures of the endpoint changed", _WORDS),
    "field-order-changed": _docs("order changed", "parameters are given by name"),
    "format-changed": _docs("format changed", "formats are not checked"),
    "hints-changed": _docs("hints for user interfaces changed", _WORDS),
    "keyword-changed": _docs("further keyword changed", "the typed code does not show it"),
    "document-changed": _docs(
        "document changed around its schemas", "the typed code does not show it"
    ),
}
"""Every kind by its name, which is stable."""


def table() -> str:
    """Write the kinds as a table in Markdown.

    Returns:
        One row per kind, in the order of `KINDS`.
    """
    rows = [
        f"| `{name}` | {kind.level} | {kind.text} | {kind.why} | {kind.shown} |"
        for name, kind in KINDS.items()
    ]
    head = [
        "| kind | class | what happened | why it has its class | met at |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
