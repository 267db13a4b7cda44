"""The kinds of changes between documents, and what each means for callers of the typed code.

Run ``python -m fal_typed_codegen.diff.change_kinds`` to print the table in docs/changes.md.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["breaking", "compatible", "docs"]
Shown: TypeAlias = Literal["type check", "run time", "app", ""]

LEVELS: tuple[Level, ...] = ("breaking", "compatible", "docs")
"""Classes of changes, the most severe first."""


@dataclass(frozen=True)
class Kind:
    """One kind of change.

    Attributes:
        level: Effect on callers.
        text: What changed; the old and the new value can follow.
        why: Reason for its class.
        shown: Where a breaking change shows in a program that worked before: in the type checker,
            at run time before anything is sent, or in the responses of the app.
    """

    level: Level
    text: str
    why: str
    shown: Shown = ""


class Difference(NamedTuple):
    """One change of an endpoint.

    Attributes:
        kind: A key of `KINDS`.
        place: Location, such as ``input.loras[].scale``.
        old: The old value in words; can be empty.
        new: The new value in words; can be empty.
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


_ACCEPTED = "every value that was accepted still is"
_HANDLED = "the value still fits the type that programs expect"
_REJECTED = "a value that was accepted is now rejected before it is sent"
_INVARIANT = "lists and dicts are invariant, so neither a wider nor a narrower item type fits"
_WORDING = "only text for people changes"
_UNSHOWN = "the typed code does not show it"
_DEFAULT = "calls remain valid; their result without this parameter can differ"

KINDS: dict[str, Kind] = {
    # endpoints
    "endpoint-added": _fine("endpoint added", "nobody calls it yet"),
    "endpoint-removed": _types("endpoint removed", "its module no longer exists"),
    "endpoint-moved": _types("module renamed", "importing the old module fails"),
    "endpoint-changed": _types(
        "interface changed",
        "locks do not show how; it counts as breaking until the documents are compared",
    ),
    "route-kind-changed": Kind(
        "breaking",
        "kind of route changed",
        "calls, streams and sessions are used differently",
        "app",
    ),
    "route-mode-changed": Kind(
        "breaking", "mode of sessions changed", "the number of inputs and results differs", "app"
    ),
    "route-settings-changed": _fine(
        "settings of sessions changed", "the typed code follows the document"
    ),
    "endpoint-deprecated": _fine("endpoint deprecated", "it still works; callers are warned"),
    "endpoint-undeprecated": _docs("endpoint no longer deprecated", _WORDING),
    # parameters
    "input-field-added": _fine("parameter added", "it is optional"),
    "input-field-added-required": _types("required parameter added", "calls do not pass it"),
    "input-field-removed": _types("parameter removed", "calls that pass it are rejected"),
    "input-field-renamed": _types("Python name of parameter changed", "calls use the old name"),
    "input-field-required": _types("parameter became required", "calls can omit it"),
    "input-field-optional": _fine("parameter became optional", _ACCEPTED),
    "input-nullable": _fine("parameter accepts null", _ACCEPTED),
    "input-not-nullable": _types("parameter no longer accepts null", "calls can pass None"),
    "input-default-added": _fine("default added", _DEFAULT),
    "input-default-changed": _fine("default changed", _DEFAULT),
    "input-default-removed": _fine("default removed", _DEFAULT),
    "input-field-deprecated": _fine("parameter deprecated", "it still works"),
    "input-field-undeprecated": _docs("parameter no longer deprecated", _WORDING),
    # types of parameters
    "input-type-changed": _types("type changed", "values of the old type are rejected"),
    "input-type-widened": _fine("more types accepted", _ACCEPTED),
    "input-type-narrowed": _types(
        "fewer types accepted", "values of the removed types are rejected"
    ),
    "input-integer-to-number": _fine("fractions accepted", "type checkers accept int for float"),
    "input-number-to-integer": _types("only whole numbers accepted", "calls can pass fractions"),
    "input-became-any": _fine("any type accepted", _ACCEPTED),
    "input-any-narrowed": _types("only one type accepted, was any", "calls can pass others"),
    "input-item-type-changed": _types("type of items changed", _INVARIANT),
    "input-text-became-file": _fine("files accepted", "a URL is still accepted"),
    "input-file-became-text": _types("only strings accepted, was a file", "calls can pass a path"),
    "input-tag-required": _run("objects must name their kind", "dicts can omit the property"),
    "input-tag-optional": _fine("objects need not name their kind", _ACCEPTED),
    # values of parameters
    "input-value-added": _fine("allowed value added", _ACCEPTED),
    "input-value-removed": _types("allowed value removed", "calls can pass it"),
    "input-values-lifted": _fine("any value accepted, was a list of values", _ACCEPTED),
    "input-values-imposed": _types("only listed values accepted", "calls can pass others"),
    "input-constant-changed": _types("only allowed value changed", "calls pass the old value"),
    # bounds of parameters
    "input-minimum-raised": _run("minimum raised", _REJECTED),
    "input-minimum-lowered": _fine("minimum lowered", _ACCEPTED),
    "input-maximum-lowered": _run("maximum lowered", _REJECTED),
    "input-maximum-raised": _fine("maximum raised", _ACCEPTED),
    "input-step-coarser": _run("step is coarser", _REJECTED),
    "input-step-finer": _fine("step is finer", _ACCEPTED),
    "input-min-length-raised": _run("minimum length raised", _REJECTED),
    "input-min-length-lowered": _fine("minimum length lowered", _ACCEPTED),
    "input-max-length-lowered": _run("maximum length lowered", _REJECTED),
    "input-max-length-raised": _fine("maximum length raised", _ACCEPTED),
    "input-min-items-raised": _run("minimum number of items raised", _REJECTED),
    "input-min-items-lowered": _fine("minimum number of items lowered", _ACCEPTED),
    "input-max-items-lowered": _run("maximum number of items lowered", _REJECTED),
    "input-max-items-raised": _fine("maximum number of items raised", _ACCEPTED),
    "input-unique-items-added": _run("items must be unique", _REJECTED),
    "input-unique-items-removed": _fine("items no longer have to be unique", _ACCEPTED),
    "input-min-entries-raised": _run("minimum number of entries raised", _REJECTED),
    "input-min-entries-lowered": _fine("minimum number of entries lowered", _ACCEPTED),
    "input-max-entries-lowered": _run("maximum number of entries lowered", _REJECTED),
    "input-max-entries-raised": _fine("maximum number of entries raised", _ACCEPTED),
    "input-pattern-changed": _run(
        "pattern added or changed", "strings that were accepted might not match"
    ),
    "input-pattern-removed": _fine("pattern removed", _ACCEPTED),
    "input-bounds-changed": _run(
        "bounds of a union changed", "values might no longer fit any member"
    ),
    "input-rule-tightened": _run("rule checked at run time added or changed", _REJECTED),
    "input-rule-loosened": _fine("rule checked at run time removed or less strict", _ACCEPTED),
    "input-closed": _run(
        "additional parameters no longer accepted", "calls that pass them are rejected"
    ),
    "input-opened": _fine("additional parameters accepted", _ACCEPTED),
    "limits-changed": _fine(
        "limits of files changed", "the platform checks them; the typed code only documents them"
    ),
    # classes
    "class-added": _fine("class added", "nobody imports it yet"),
    "class-removed": _types("class removed", "importing it fails"),
    "class-renamed": _types("class renamed", "importing the old class fails"),
    # fields of results
    "output-field-added": _fine("field added", "programs do not read it yet"),
    "output-field-removed": _types("field removed", "programs can read it"),
    "output-field-renamed": _types("Python name of field changed", "programs read the old name"),
    "output-may-be-none": _types("field can be missing or null", "programs do not expect None"),
    "output-never-none": _fine("field is always present", _HANDLED),
    "output-presence-changed": _fine(
        "field became required or optional", "it reads the same: a missing field is None"
    ),
    "output-default-changed": _docs(
        "value of a missing field changed", "what the platform sends is the same"
    ),
    "output-field-deprecated": _fine("field deprecated", "it is still present"),
    "output-field-undeprecated": _docs("field no longer deprecated", _WORDING),
    # types of results
    "output-type-changed": _types("type changed", "programs expect the old type"),
    "output-type-widened": _types("more types possible", "programs do not expect them"),
    "output-type-narrowed": _fine("fewer types possible", _HANDLED),
    "output-integer-to-number": _types("fractions possible", "programs expect an int"),
    "output-number-to-integer": _fine(
        "only whole numbers possible", "type checkers accept int for float"
    ),
    "output-became-any": _types(
        "any type possible", "strict type checkers reject a value of unknown type"
    ),
    "output-any-typed": _types("only one type possible, was any", "programs can expect another"),
    "output-item-type-changed": _types("type of items changed", _INVARIANT),
    "output-file-kind-narrowed": _fine(
        "file class became more specific, or an object became a file",
        "it has all previous attributes",
    ),
    "output-file-kind-changed": _types("file class changed", "attributes are missing"),
    # values of results
    "output-value-added": _types(
        "possible value added", "a `match` that ends in `assert_never` is no longer exhaustive"
    ),
    "output-value-removed": _fine("possible value removed", _HANDLED),
    "output-values-lifted": _types("any value possible", "programs expect a literal type"),
    "output-values-imposed": _fine("only listed values possible", _HANDLED),
    "output-constant-changed": _types("only value changed", "programs expect the old value"),
    # what the typed code shows only to people, or not at all
    "output-bounds-changed": _docs("bounds of a result changed", "results are not checked"),
    "description-changed": _docs("description changed", _WORDING),
    "title-changed": _docs("title changed", _WORDING),
    "examples-changed": _docs("examples changed", _WORDING),
    "category-changed": _docs("category changed", _WORDING),
    "links-changed": _docs("links or images of the endpoint changed", _WORDING),
    "field-order-changed": _docs("order changed", "parameters are passed by name"),
    "values-reordered": _docs("order of values or types changed", "the same values are allowed"),
    "format-changed": _docs("format changed", "formats are not checked"),
    "hints-changed": _docs("hints for user interfaces changed", _WORDING),
    "keyword-changed": _docs("other keyword changed", _UNSHOWN),
    "document-changed": _docs("document changed outside its schemas", _UNSHOWN),
}
"""All kinds by name; names are stable."""


def table() -> str:
    """Format the kinds as a Markdown table.

    Returns:
        One row per kind, in the order of `KINDS`.
    """
    rows = [
        f"| `{name}` | {kind.level} | {kind.text} | {kind.why} | {kind.shown} |"
        for name, kind in KINDS.items()
    ]
    head = [
        "| kind | class | change | reason | shows at |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
