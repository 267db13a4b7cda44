"""Compares generated models with the `jsonschema` library, which reads the same documents.

As a program it does so for a whole folder of documents, and prints the figures:
``python -m tests.codegen.fidelity [FOLDER]``. Every difference is put into one of the classes
that docs/fidelity.md explains; what fits none of them is a defect, and the program fails.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fal_typed_codegen.documents import read
from fal_typed_codegen.generate import generate
from fal_typed_codegen.interface.file_types import is_file_parameter
from fal_typed_codegen.interface.naming import choose_names
from jsonschema import Draft202012Validator, ValidationError
from pydantic import BaseModel
from pydantic import ValidationError as Refusal

from fal_typed._calls.checking import dump_input
from fal_typed._calls.outputs import read_output
from fal_typed._documents.document import EndpointDocument
from fal_typed.errors import FalInputError, SchemaDriftWarning
from tests.codegen.instances import Instances, Schema, reference, same

ROOT = Path(__file__).parents[2]
EACH = 20
PARTS = 64


@dataclass
class Tally:
    """Result of a comparison.

    Attributes:
        models: How many input models were compared.
        checked: How many values, by kind: valid, invalid, output, probe.
        explained: How many differences of each class.
        defects: Every other difference, in full.
    """

    models: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.models += other.models
        self.checked += other.checked
        self.explained += other.explained
        self.defects += other.defects

    @property
    def agreement(self) -> float:
        """Share of the inputs on which both agree, in percent, without the probes."""
        asked = self.checked["valid"] + self.checked["invalid"]
        return 100 * (1 - (self.explained.total() + len(self.defects)) / max(1, asked))


def compare(document: EndpointDocument, made: Any, seed: str) -> Tally:
    """Compare the models of one endpoint, in the module `made`, with its document."""
    tally = Tally(models=1)
    instances = Instances(document, f"{seed} {document.id}")
    validator = reference(document, document.input_ref)
    valid = instances.valid(document.input_ref, validator, EACH)
    invalid = instances.invalid(valid, document.input_ref, validator, EACH)
    for value in [*valid, *invalid]:
        _compare_input(tally, document, validator, made.Input, value)
    for probe in _probes(document, valid):
        _probe(tally, document, made.Input, probe)
    outputs = reference(document, document.output_ref)
    results = instances.valid(document.output_ref, outputs, EACH)
    for value in results:
        _compare_output(tally, document, made.Output, value)
    for value in instances.invalid(results, document.output_ref, outputs, 5):
        _read_anything(tally, document, made.Output, value)
    if len(valid) < EACH or len(results) < EACH:
        tally.defects.append(f"{document.id}: no {EACH} valid instances were found")
    return tally


def _compare_input(
    tally: Tally,
    document: EndpointDocument,
    validator: Draft202012Validator,
    model: type[BaseModel],
    value: Any,
) -> None:
    errors = list(validator.iter_errors(value))
    tally.checked["invalid" if errors else "valid"] += 1
    refusal, dumped = _taken(model, value)
    if errors and refusal:
        return
    if not errors and not refusal:
        if not same(dumped, value):
            tally.defects.append(f"{document.id}: {_shown(value)} is sent as {dumped!r:.300}")
        return
    reason = _why_taken(document, errors) if errors else _why_refused(refusal)
    if reason:
        tally.explained[reason] += 1
    else:
        verb = "taken" if errors else "refused"
        message = errors[0].message if errors else refusal
        tally.defects.append(f"{document.id}: {verb} {_shown(value)}: {message!s:.300}")


def _taken(model: type[BaseModel], value: Any) -> tuple[FalInputError | None, Any]:
    try:
        return None, dump_input(model.model_validate(value))
    except FalInputError as refusal:
        return refusal, None


def _why_refused(refusal: FalInputError | None) -> str | None:
    """Class of a value that the schema accepts and the model rejects."""
    problems = refusal.errors if refusal else []
    # A member of a union with a list of files adds its own message.
    is_text = problems and all("a string is never a path" in each.msg for each in problems)
    return "text for a file" if is_text else None


def _why_taken(document: EndpointDocument, errors: list[ValidationError]) -> str | None:
    """Class of a value that the schema rejects and the model accepts."""
    leaves = [leaf for error in errors for leaf in _leaves(error)]
    if all(_is_at_file(document, error) for error in errors):
        return "file"
    if all(leaf.validator == "multipleOf" for leaf in leaves):
        return "decimal steps"
    if any(
        leaf.validator in ("enum", "const") and leaf.instance in (True, False) for leaf in leaves
    ):
        return "true and false for 1 and 0"
    return None


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    if not error.context:
        yield error
    for inner in error.context or ():
        yield from _leaves(inner)


def _is_at_file(document: EndpointDocument, error: ValidationError) -> bool:
    """Whether an error is inside a parameter that accepts a file."""
    names = [part for part in error.absolute_path if isinstance(part, str)]
    schema = document.input_schema
    for name in names:
        inner = (schema.get("properties") or {}).get(name, {})
        if is_file_parameter(name, inner) or name == "url":
            return True
        schema = _with_properties(document, inner)
    return False


def _with_properties(document: EndpointDocument, schema: Schema) -> Schema:
    schema = document.resolve(schema)
    waiting = [schema]
    while waiting:
        one = document.resolve(waiting.pop())
        if "properties" in one:
            return one
        waiting += [*one.get("anyOf", ()), *one.get("allOf", ()), one.get("items", {})]
        waiting = [item for item in waiting if item]
    return {}


def _probes(document: EndpointDocument, valid: list[Any]) -> Iterator[tuple[str, bool, Any]]:
    """Values that both treat differently on purpose: class, whether accepted, value."""
    value, schema = valid[0], document.input_schema
    if not schema.get("additionalProperties"):
        yield "unknown parameter", False, {**value, "no_such_parameter": 1}
    kinds: dict[str, tuple[str, bool, Any]] = {}
    for name, inner in schema.get("properties", {}).items():
        kind, has_values = inner.get("type"), "enum" in inner or "const" in inner
        if kind == "integer" and not has_values and isinstance(value.get(name), int):
            kinds[kind] = ("4.0 for an integer", False, {**value, name: float(value[name])})
        if kind == "string" and not has_values and is_file_parameter(name, inner):
            kinds[kind] = ("bytes for a file", True, {**value, name: b"content"})
        for spelling, sign in (("max", 1), ("le", 1), ("min", -1), ("ge", -1)):
            if spelling in inner and kind in ("integer", "number"):
                far = inner[spelling] + sign
                kinds["bound"] = ("other spelling of a bound", False, {**value, name: far})
    yield from kinds.values()


def _probe(
    tally: Tally, document: EndpointDocument, model: type[BaseModel], probe: tuple[str, bool, Any]
) -> None:
    kind, takes, value = probe
    tally.checked[f"probe: {kind}"] += 1
    refusal, _ = _taken(model, value)
    if (refusal is None) != takes:
        tally.defects.append(f"{document.id}: {kind}: {value!r:.300}: {refusal}")


def _compare_output(tally: Tally, document: EndpointDocument, model: Any, value: Any) -> None:
    if not document.output_schema and not isinstance(value, dict):
        tally.checked["probe: a result without a schema is an object"] += 1
        return
    tally.checked["output"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", SchemaDriftWarning)
        try:
            result = read_output(model, value)
        except (SchemaDriftWarning, Refusal) as error:
            tally.defects.append(f"{document.id}: result {_shown(value)}: {error}")
            return
    dumped = result.model_dump(by_alias=True, exclude_unset=True)
    if not same(dumped, value):
        tally.defects.append(f"{document.id}: result {_shown(value)} is read as {dumped!r:.300}")


def _read_anything(tally: Tally, document: EndpointDocument, model: Any, value: Any) -> None:
    tally.checked["output that does not fit"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SchemaDriftWarning)
        try:
            read_output(model, value)
        except Exception as error:  # noqa: BLE001 - the claim is that there is none
            tally.defects.append(f"{document.id}: result {_shown(value)}: {error!r}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:300]


def compare_files(
    files: Iterable[str], modules: Mapping[str, str], package: str, folder: str | None, seed: str
) -> Tally:
    """Compare the endpoints of document files with the modules of a package.

    Args:
        files: Paths of the documents.
        modules: Path of each endpoint's module below the package, by endpoint id.
        package: Name of the package.
        folder: Folder that the package stands in, when it is not on the path.
        seed: What the instances hang on.
    """
    if folder is not None and folder not in sys.path:
        sys.path.insert(0, folder)
    tally = Tally()
    for file in files:
        document = read.read(Path(file).read_bytes())
        made = importlib.import_module(f"{package}.{modules[document.id]}")
        tally.add(compare(document, made, seed))
    return tally


def documents(schemas: Path) -> dict[str, str]:
    """Path of every document of a folder, by its endpoint's id."""
    files = [schemas / relative for relative in read.document_files(schemas)]
    return {read.read(file.read_bytes()).id: str(file) for file in files}


def modules_of(ids: Collection[str]) -> dict[str, str]:
    """Path of the module of each endpoint, where all of them are generated together."""
    return {id_: names.path for id_, names in choose_names(ids, {}).items()}


def main(arguments: list[str]) -> int:
    schemas = Path(arguments[0] if arguments else ROOT / "schemas")
    seed = arguments[1] if len(arguments) > 1 else "1"
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as pool:
        package, place = "fal_typed.endpoints", None
        if schemas.resolve() != ROOT / "schemas":
            package, place = "compared", folder
            report = generate(schemas, Path(folder, package), package)
            print(f"failed: {report.failed}\nwarnings: {report.warnings}")
        found = documents(schemas)
        parts = [list(found.values())[start::PARTS] for start in range(PARTS)]
        alike = (modules_of(found), package, place, seed)
        for one in pool.map(compare_files, parts, *([each] * PARTS for each in alike)):
            tally.add(one)
    print(f"input models compared: {tally.models}")
    for kind, number in sorted(tally.checked.items()):
        print(f"  {kind}: {number}")
    print(f"agreement on inputs: {tally.agreement:.3f} %")
    for kind, number in sorted(tally.explained.items()):
        print(f"  differs, {kind}: {number}")
    print(f"defects: {len(tally.defects)}")
    for defect in tally.defects:
        print(f"  {defect}")
    return 1 if tally.defects else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
