"""Writes the source text of endpoint modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from fal_typed._core.json_values import as_list, as_object
from fal_typed_codegen.interface import defaults
from fal_typed_codegen.interface.defaults import MisfitError
from fal_typed_codegen.interface.naming import ENDPOINT_MODULE, IMPORTED, SHARED_PACKAGE
from fal_typed_codegen.interface.specs import (
    ALIAS,
    MISSING,
    dict_name,
    model_references,
    references,
)
from fal_typed_codegen.rendering import (
    argument_types,
    body_signatures,
    field_types,
    prose,
    signatures,
)
from fal_typed_codegen.rendering.glossary import Property, describe
from fal_typed_codegen.rendering.rendered import (
    DictEntry,
    RenderedClass,
    RenderedDict,
    RenderedField,
    TypingClass,
)
from fal_typed_codegen.rendering.templating import template
from fal_typed_codegen.rendering.truth import check_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fal_typed._documents.document import RealtimeMode, Route, Schema
    from fal_typed_codegen.interface.naming import ModuleNames
    from fal_typed_codegen.interface.specs import FieldSpec, Interface, ModelSpec

_MODULES = {
    "typing": {"TYPE_CHECKING", "Annotated", "Any", "Literal", "TypeAlias"},
    "pydantic": {"ConfigDict", "Field", "RootModel"},
    "typing_extensions": {"deprecated"},
    "fal_typed": {"Endpoint"},
    "fal_typed.files": {"Audio", "File", "FileInput", "FileObjectInput", "Image", "Video"},
    "fal_typed.models": {
        "UNSET",
        "BodyModel",
        "ByTag",
        "InputModel",
        "OutputModel",
        "Request",
        "RuledModel",
        "SchemaRule",
        "UniqueItems",
    },
}
_TYPING_MODULES = {
    "collections.abc": {"Sequence"},
    "typing": {"overload"},
    "typing_extensions": {"NotRequired", "TypedDict", "Unpack"},
    "fal_typed": {
        "AsyncHandle", "AsyncPendingRun", "AsyncPipeline", "AsyncRealtimeConnection", "AsyncStream",
        "Handle", "PendingRun", "Pipeline", "RealtimeConnection", "Result", "Stream",
    },
    "fal_typed.options": {"PipelineOptions", "RealtimeOptions"},
}  # fmt: skip
"""Modules that only the code for type checkers needs."""
_FOR_TYPES = frozenset(name for names in _TYPING_MODULES.values() for name in names)
_OPTIONS = "**options: "
COMMAND = "fal-typed generate"
# The platform writes this where a component is missing.
_EXCUSE = re.compile(r"Schema referenced but not defined\b")
ENDPOINT_ALIASES = ("Input", "Output", "endpoint")
"""Names that every endpoint's module has. They are not in ``__all__``, because editors would offer
each of them 1,559 times."""
_ENDS = (".", "!", "?", ":", ";", ",", "…", "。", ">")
_NAMES_DEPRECATED = "\n# pyright: reportDeprecated=false"
_MODES: dict[RealtimeMode, str] = {
    "unary": "Each input returns one result.",
    "server_streaming": "The first input returns results until the session ends.",
    "client_streaming": "All inputs together return one result when the session ends.",
    "bidi": "Inputs and results can be sent in any order and number.",
}


def endpoint_module(
    interface: Interface, names: ModuleNames, shared: Mapping[str, str], origin: str
) -> str:
    """Write the module of an endpoint.

    Args:
        interface: The endpoint.
        names: Its Python names.
        shared: Full names of the modules of its shared classes, by class name.
        origin: Path of its document, for the header.

    Returns:
        Unformatted source text.

    Raises:
        ModelsError: The models cannot be made.
    """
    own = [model for name, model in interface.models.items() if name not in shared]
    classes = _classes(interface, own, list(shared), is_shared=False)
    used = {"Endpoint", "TYPE_CHECKING"}
    body = interface.models[interface.input]
    if body.is_open or (body.root is not None and interface.forms):
        used.add("Any")  # the type of additional parameters, and of overloaded ones
    imports = _imports(classes, used, _with_dicts(shared, interface.models))
    name = type_name(names, interface.models)
    if body.root is None:
        parameters = next(item.fields for item in classes if item.name == interface.input)
        typing_classes = signatures.typing_classes(interface, name, parameters)
    else:
        typing_classes = body_signatures.body_classes(interface, name, classes)
    return template("endpoint.py.jinja").render(
        doc=_docstring(_module_prose(interface)),
        header=header(origin) + (_NAMES_DEPRECATED if interface.deprecated else ""),
        imports=imports,
        classes=classes,
        typing_classes=typing_classes,
        typing_imports=_typing_imports(classes, typing_classes),
        type_name=name,
        endpoint=names.endpoint,
        id=repr(interface.id),
        input=interface.input,
        output=interface.output,
        options=_options(interface.route),
        endpoint_doc=_docstring(_endpoint_prose(interface, names)),
        exports=[repr(name) for name in exports(names, exported(interface.models))],
        aliases=ENDPOINT_ALIASES,
    )


def type_name(names: ModuleNames, classes: Iterable[str]) -> str:
    """Name of an endpoint's own class for type checkers."""
    return f"{names.type_name}Endpoint" if names.type_name in classes else names.type_name


def shared_module(interface: Interface, name: str, shared: Mapping[str, str]) -> str:
    """Write the module of a shared class.

    Args:
        interface: An endpoint that uses it.
        name: The class's name.
        shared: Full names of the modules of shared classes, by class name.

    Returns:
        Unformatted source text.

    Raises:
        ModelsError: The model cannot be made.
    """
    model = interface.models[name]
    elsewhere = {other: shared[other] for other in model_references(model) - {name}}
    classes = _classes(interface, [model], sorted(elsewhere), is_shared=True)
    own_dict = argument_types.typed_dicts(interface.models).get(name)
    used = set[str]() if own_dict is None else {"TYPE_CHECKING"}
    return template("shared.py.jinja").render(
        doc=_docstring(f"{name}, shared by several endpoints."),
        header=header("a component shared by several schemas"),
        imports=_imports(classes, used, _with_dicts(elsewhere, interface.models)),
        typing_imports=_typing_imports(classes, []),
        classes=classes,
        exports=[repr(it) for it in (name, own_dict) if it is not None],
    )


def lazy_package(
    endpoint_id: str, names: ModuleNames, classes: Iterable[str], package: str, origin: str
) -> str:
    """Write the ``__init__`` of a package that is an endpoint and contains others."""
    module = f"{package}.{names.path}.{ENDPOINT_MODULE}"
    public = exports(names, classes)
    every = sorted({*public, *ENDPOINT_ALIASES, type_name(names, classes)})
    return template("lazy_package.py.jinja").render(
        doc=_docstring(f"{endpoint_id}; its module is imported on first use."),
        header=header(origin),
        module=module,
        quoted_module=repr(module),
        names=[f"{name} as {name}" for name in every],
        every=[repr(name) for name in every],
        exports=[repr(name) for name in public],
    )


def plain_package(path: str, package: str, names: Iterable[str] = ()) -> str:
    """Write the ``__init__`` of a package that only contains others.

    Args:
        path: Its module path; empty for the package of all endpoints.
        package: Full name of the package of all endpoints.
        names: Packages that type checkers and editors know without an import.
    """
    texts = {
        "": "All endpoints, each in its own module.",
        SHARED_PACKAGE: "Classes that several endpoints share.",
    }
    text = texts.get(path, f"Endpoints under `{path}`.")
    return template("package.py.jinja").render(
        doc=_docstring(text),
        header=header("the ids of the schemas"),
        package=package,
        names=[f"{name} as {name}" for name in sorted(names)],
    )


def exports(names: ModuleNames, classes: Iterable[str]) -> list[str]:
    """Names that an endpoint's module offers for import, sorted."""
    return sorted({names.endpoint, *classes})


def exported(models: Mapping[str, ModelSpec]) -> list[str]:
    """Names of an endpoint's classes and of the types of its dicts."""
    return [*models, *argument_types.typed_dicts(models).values()]


def header(origin: str) -> str:
    """Comment that names the origin of a generated file and turns off the project's linter.

    Some rules of ruff depend on the project's target version and first-party packages.
    """
    return f"Generated by `{COMMAND}` from {origin}. Do not edit.\n# ruff: noqa"


class _Context(NamedTuple):
    """What a class is rendered with.

    Attributes:
        interface: Its endpoint.
        usable: Classes that its defaults can use.
        nested: Types of the arguments that stand for nested inputs, by class.
        is_shared: Whether several endpoints share it.
    """

    interface: Interface
    usable: dict[str, ModelSpec]
    nested: Mapping[str, str]
    is_shared: bool


def _classes(
    interface: Interface, own: list[ModelSpec], elsewhere: list[str], *, is_shared: bool
) -> list[RenderedClass]:
    made = field_types.type_annotations(own)
    usable = {name: interface.models[name] for name in elsewhere}
    nested = argument_types.types_of_nested(interface.models)
    context = _Context(interface, usable, nested, is_shared)
    rendered: list[RenderedClass] = []
    for model in own:
        made_types = made[model.name]
        if model.base == ALIAS:
            rendered.append(_alias(interface, model, made_types["root"]))
        else:
            rendered.append(_class(context, model, made_types))
        usable[model.name] = model
    return rendered


def _alias(interface: Interface, model: ModelSpec, made: ast.expr) -> RenderedClass:
    doc = _docstring(_users(interface, model.name))
    return RenderedClass(model.name, ast.unparse(made), "", doc, "", (), is_alias=True)


def _class(context: _Context, model: ModelSpec, made: Mapping[str, ast.expr]) -> RenderedClass:
    interface = context.interface
    bases = model.base
    if model.root is not None:
        root = field_types.with_rule(made["root"], model.rule or None, is_partial=model.is_partial)
        bases = f"{model.base}[{ast.unparse(root)}]"
    if model.name in (interface.input, *interface.forms):
        bases = f'{bases}, Request["{interface.output}"]'
    fields = tuple(_field(context, model, field, made[field.name]) for field in model.fields)
    takes_dicts = (
        model.direction == "input"
        and model.root is None
        and not context.nested.keys().isdisjoint(model_references(model))
    )
    return RenderedClass(
        name=model.name,
        bases=bases,
        decorator=_decorator(interface, model),
        doc=_docstring(_class_prose(interface, model), indent=4),
        config=_config(model),
        fields=fields,
        init=signatures.constructor(model, fields) if takes_dicts else None,
        as_dict=_dict(model, fields) if model.name in context.nested else None,
    )


def _dict(model: ModelSpec, fields: Iterable[RenderedField]) -> RenderedDict:
    entries = tuple(
        DictEntry(spec.wire, field.name, field.argument, spec.required)
        for spec, field in zip(model.fields, fields, strict=True)
    )
    doc = _docstring(f"`{model.name}` as a dict.", indent=4)
    # Every field whose name is not valid in a class body has another name.
    as_class = all(entry.name == entry.wire for entry in entries)
    return RenderedDict(dict_name(model.name), doc, entries, as_class)


def _decorator(interface: Interface, model: ModelSpec) -> str:
    """Decorator that marks the input of a deprecated endpoint for type checkers and editors.

    It does not warn at run time: the base class does, which knows the caller's frame.
    """
    if not interface.deprecated or model.name != interface.input:
        return ""
    return f"deprecated({f'{interface.id} is deprecated.'!r}, category=None)"


def _config(model: ModelSpec) -> str:
    entries: dict[str, str] = {}
    if model.is_open:
        entries["extra"] = "allow"
    if model.python_regex:
        entries["regex_engine"] = "python-re"
    written = [f"{key}={value!r}" for key, value in entries.items()]
    if model.rule and model.root is None:
        written.append(f"json_schema_extra={model.rule!r}")
    return ", ".join(written)


def _field(context: _Context, model: ModelSpec, field: FieldSpec, made: ast.expr) -> RenderedField:
    default = _default(field, context.usable, model)
    nullable = field.nullable or default == "None"
    annotation = field_types.or_none(made) if nullable else made
    keywords: dict[str, object] = {"alias": field.wire} if field.wire != field.name else {}
    if field.deprecated:
        keywords["deprecated"] = True
    text = _field_prose(context.interface, model, field, is_shared=context.is_shared)
    argument = argument_types.argument_type(ast.unparse(annotation), context.nested)
    return RenderedField(
        name=field.name,
        annotation=ast.unparse(
            field_types.with_rule(
                field_types.with_keywords(annotation, keywords),
                field.rule,
                is_partial=field.is_partial,
            )
        ),
        argument=argument,
        default=default,
        text=text,
        doc=_docstring(text, indent=4),
    )


def _default(field: FieldSpec, usable: Mapping[str, ModelSpec], model: ModelSpec) -> str:
    if field.required:
        return ""
    nothing = "None" if field.nullable or model.direction == "output" else "UNSET"
    if field.default is MISSING or field.default is None:
        return nothing
    try:
        return defaults.expression(defaults.fit(field.default, field.schema, usable))
    except MisfitError:
        return nothing


def _options(route: Route | None) -> str:
    """Options that a route of an app needs, as additional arguments."""
    if route is None:
        return ""
    is_elsewhere = route.kind == "http" and route.has_more
    # Calls to an id with this ending use its path as it is.
    is_usual = route.kind == "stream" and route.path.endswith("/stream")
    path = "" if is_elsewhere or is_usual else ', path=""'
    codec = ', codec="json"' if route.kind == "realtime" and route.codec == "json" else ""
    return path + codec


def _module_prose(interface: Interface) -> str:
    about = f"{interface.id} — {_summary(interface)}"
    if interface.route is not None:
        return about
    category = f"Category: {interface.task.category}. " if interface.task else ""
    return f"{about}\n\n{category}https://fal.ai/models/{interface.id}"


def _endpoint_prose(interface: Interface, names: ModuleNames) -> str:
    forms = interface.forms
    fields = interface.models[forms[0]].fields if forms else ()
    call = ", ".join(f"{field.name}=…" for field in fields if field.required)
    call = call if forms else "…"
    example = {
        "http": f"Call it with `{names.endpoint}.subscribe({call})`.",
        "stream": f"Call it with `{names.endpoint}.stream({call})`.",
        "realtime": f"Open a session with `{names.endpoint}.realtime()`.",
    }[signatures.call_kind(interface)]
    return f"{_summary(interface)}\n\n{example}{_session_prose(interface.route)}"


def _session_prose(route: Route | None) -> str:
    """Facts about the sessions of a realtime route."""
    if route is None or route.mode is None:
        return ""
    facts = [_MODES[route.mode]]
    if route.session_timeout is not None:
        seconds = f"{route.session_timeout:g} second{'s'[: route.session_timeout != 1]}"
        facts.append(f"The session ends after {seconds} without input.")
    if route.buffering is not None:
        facts.append(f"At most the latest {route.buffering} unread inputs are kept.")
    if route.codec is None:
        facts.append(
            f"Messages are {route.content_type}: pass `encode_message` and `decode_message`."
        )
    return f"\n\n{' '.join(facts)}"


def _summary(interface: Interface) -> str:
    route = interface.route
    text = interface.description
    if not text and route is not None:
        text = f"Route `{route.path}` of the app {route.app}."
    if not text and interface.task is not None:
        text = interface.task.summary
    return f"Deprecated. {text}" if interface.deprecated else text


def _class_prose(interface: Interface, model: ModelSpec) -> str:
    if model.description and not _EXCUSE.match(model.description):
        return model.description
    if model.root is not None and model.direction == "input":
        return f"Body of {interface.id}."
    if model.name in interface.forms:
        return f"Parameters of {interface.id}."
    if model.name == interface.output:
        return f"Result of {interface.id}."
    return _users(interface, model.name)


def _users(interface: Interface, name: str) -> str:
    """Where a nested class or an alias is used."""
    for model in interface.models.values():
        for field in model.fields:
            if name in references(field.schema):
                kind = "parameter" if model.direction == "input" else "field"
                what = "An item of" if _is_item(field.schema) else "Value of"
                return f"{what} the {kind} `{field.name}`."
    return f"Part of {interface.id}."


def _is_item(schema: Schema) -> bool:
    members = [schema, *(as_list(schema.get("anyOf")) or [])]
    return any("items" in (as_object(member) or {}) for member in members)


def _field_prose(
    interface: Interface, model: ModelSpec, field: FieldSpec, *, is_shared: bool
) -> str:
    text = field.description or _usual_meaning(interface, model, field, is_shared=is_shared)
    note = "Deprecated." if field.deprecated else ""
    facts = " ".join(filter(None, (field.facts, note)))
    if not text or not facts:
        return text or facts
    if "\n\n" in text:
        return f"{text}\n\n{facts}"
    text = text.rstrip()
    return f"{text} {facts}" if text.endswith(_ENDS) else f"{text}. {facts}"


def _usual_meaning(
    interface: Interface, model: ModelSpec, field: FieldSpec, *, is_shared: bool
) -> str:
    """The glossary's text for a field; empty for private apps, whose names can mean anything."""
    if interface.route is not None:
        return ""
    is_own = model.name in (interface.input, interface.output)
    text = describe(
        Property(
            name=field.wire,
            direction=model.direction,
            component=None if is_own else model.component,
            type=field.json_type,
            values=field.values,
            endpoint=None if is_shared else interface.id,
            task=None if is_shared else interface.task,
        )
    )
    if text is None:
        return ""
    if model.direction == "input":
        check_values(interface.id, field.wire, text, field.values)
    return text


def _docstring(text: str, indent: int = 0) -> str:
    """A docstring as source text; lines after the first are not indented."""
    lines = prose.clean(text, prose.WIDTH - indent).splitlines()
    if not lines:
        return ""
    inside = prose.docstring("\n".join(lines))
    is_short = len(lines) == 1 and len(inside) + indent <= prose.WIDTH - 6
    return f'"""{inside}"""' if is_short else f'"""{inside}\n"""'


def _imports(
    classes: Iterable[RenderedClass], used: set[str], elsewhere: Mapping[str, str]
) -> list[list[tuple[str, list[str]]]]:
    """Import statements by section, in isort order."""
    for item in classes:
        used = used | _names(item)
    lines = _used_of(_MODULES, used)
    for name, module in elsewhere.items():
        lines[module] = sorted([*lines.get(module, []), name])
    return _sections(lines)


def _used_of(modules: Mapping[str, set[str]], used: set[str]) -> dict[str, list[str]]:
    return {
        module: sorted(names & used, key=_isort_key)
        for module, names in modules.items()
        if names & used
    }


def _sections(lines: Mapping[str, list[str]]) -> list[list[tuple[str, list[str]]]]:
    sections = (
        sorted(line for line in lines.items() if _section(line[0]) == number) for number in range(3)
    )
    return [section for section in sections if section]


def _with_dicts(shared: Mapping[str, str], models: Mapping[str, ModelSpec]) -> dict[str, str]:
    """Modules of shared classes and of the types of their dicts."""
    dicts = argument_types.typed_dicts(models)
    return {**shared, **{dicts[name]: shared[name] for name in shared if name in dicts}}


def _typing_imports(
    classes: Iterable[RenderedClass], typing_classes: Iterable[TypingClass]
) -> list[list[tuple[str, list[str]]]]:
    """Import statements of the code for type checkers by section."""
    used: set[str] = set()
    for item in classes:
        if item.as_dict is not None:
            used |= {"TypedDict", *_names_in(entry.type for entry in item.as_dict.entries)}
        arguments = [field.argument for field in item.fields]
        used |= _names_in(text for text in arguments if "Sequence[" in text)
    for typing_class in typing_classes:
        methods = typing_class.methods
        used |= _names_in([typing_class.base, *(method.returns for method in methods)])
        used |= {method.decorator for method in methods}
        for method in methods:
            if "Sequence[" in method.parameters:
                used.add("Sequence")
            if method.parameters.startswith(_OPTIONS):
                used |= _names_in([method.parameters.removeprefix(_OPTIONS)])
    return _sections(_used_of(_TYPING_MODULES, used))


def _names(item: RenderedClass) -> set[str]:
    sources = [
        "TypeAlias" if item.is_alias else "",
        item.bases,
        item.decorator,
        f"ConfigDict({item.config})" if item.config else "",
    ]
    for field in item.fields:
        sources += [field.annotation, field.default]
        if item.init or item.as_dict:
            sources.append(field.argument)
    return _names_in(sources) & IMPORTED - _FOR_TYPES


def _names_in(sources: Iterable[str]) -> set[str]:
    trees = (ast.parse(f"({source})", mode="eval") for source in sources if source)
    return {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}


def _section(module: str) -> int:
    sections = {"collections.abc": 0, "typing": 0, "pydantic": 1, "typing_extensions": 1}
    return sections.get(module, 2)


def _isort_key(name: str) -> tuple[bool, str]:
    return not name.isupper(), name
