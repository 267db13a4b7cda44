"""Writes out the methods of an endpoint that take its parameters.

They are for type checkers and editors. The docstrings are those of `Endpoint`, with the parameters
added, so that `help()` shows the same text as an editor.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from fal_typed._calls.parameter_docs import with_parameters
from fal_typed_codegen.rendering import prose
from fal_typed_codegen.rendering.rendered import RenderedMethod, TypingClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fal_typed._documents.document import RouteKind
    from fal_typed_codegen.interface.specs import Interface, ModelSpec
    from fal_typed_codegen.rendering.rendered import RenderedField


class _Opener(NamedTuple):
    """The connections that a method of `Endpoint` opens.

    Attributes:
        module: Full name of the module of their class.
        base: Their class.
        kind: End of the name of an endpoint's own class.
        options: Class of the method's options.
        sending: Their methods that take the endpoint's parameters, and what these return.
    """

    module: str
    base: str
    kind: str
    options: str
    sending: Mapping[str, str]


_CALLS = {
    "run": "Result",
    "subscribe": "Result",
    "submit": "Handle",
    "stream": "Stream",
}
_CONSTRUCTOR = """Create the input and check it.

Raises:
    FalInputError: The input is invalid; the error lists all problems."""
_CONNECTION, _PIPELINE = "fal_typed._realtime.connection", "fal_typed._realtime.pipelines"
_SESSIONS = {
    "realtime": _Opener(
        _CONNECTION, "RealtimeConnection", "Connection", "RealtimeOptions", {"send": "None"}
    ),
    "realtime_async": _Opener(
        _CONNECTION, "AsyncRealtimeConnection", "Connection", "RealtimeOptions", {"send": "None"}
    ),
}
_PIPELINES = {
    "pipeline": _Opener(
        _PIPELINE, "Pipeline", "Pipeline", "PipelineOptions",
        {"run": "Result", "submit": "PendingRun"},
    ),
    "pipeline_async": _Opener(
        _PIPELINE, "AsyncPipeline", "Pipeline", "PipelineOptions",
        {"run": "Result", "submit": "AsyncPendingRun"},
    ),
}  # fmt: skip
"""Classes of connections by the methods of `Endpoint` that open them."""
_OWN_FORMS = frozenset({"Handle", "Stream"})
"""Classes that have another one for async code."""


def typing_classes(
    interface: Interface, name: str, fields: Sequence[RenderedField]
) -> list[TypingClass]:
    """Write the classes of an endpoint for type checkers.

    Args:
        interface: The endpoint.
        name: Name of its own class, which comes last.
        fields: Fields of its input.

    Returns:
        Its own class, and the classes of its realtime connections if it has any.
    """
    from fal_typed._endpoint import Endpoint

    kind = call_kind(interface)
    write = _Writer(interface, fields)
    if kind == "realtime":
        return _with_connections(write, name, _SESSIONS, [])
    calls = {"stream": "Stream"} if kind == "stream" else dict(_CALLS)
    if kind == "http" and interface.route is not None:
        del calls["stream"]  # its app's document lists the routes that stream
    methods: list[RenderedMethod] = []
    for verb, kind_of_result in calls.items():
        for is_async in (False, True):
            prefix = "Async" if is_async and kind_of_result in _OWN_FORMS else ""
            methods.append(
                write.method(Endpoint, f"{verb}{'_async' * is_async}", f"{prefix}{kind_of_result}")
            )
    return _with_connections(write, name, _PIPELINES if kind == "http" else {}, methods)


def constructor(model: ModelSpec, fields: Sequence[RenderedField]) -> RenderedMethod:
    """Write the constructor of an input that also accepts dicts for nested inputs."""
    doc = with_parameters(_CONSTRUCTOR, _described(fields))
    return RenderedMethod("def", "__init__", _parameters(model, fields), "None", docstring(doc))


def call_kind(interface: Interface) -> RouteKind:
    """How an endpoint is called: by requests, by a stream of events, or by a realtime session."""
    if interface.route is not None:
        return interface.route.kind
    return "realtime" if interface.id.endswith("/realtime") else "http"


def docstring(text: str) -> str:
    """The docstring of a method as source text; lines after the first are not indented."""
    inside = prose.docstring(text)
    return f'"""{inside}\n"""' if "\n" in inside else f'"""{inside}"""'


class _Writer:
    """Writes methods that take the parameters of one endpoint."""

    def __init__(self, interface: Interface, fields: Sequence[RenderedField]) -> None:
        self.input, self.output = interface.input, interface.output
        self._parameters = _parameters(interface.models[interface.input], fields)
        self._described = _described(fields)

    def method(self, owner: type, verb: str, returns: str) -> RenderedMethod:
        """Write a method of a class; it returns None or a generic type of the output."""
        function = inspect.getattr_static(owner, verb)
        doc = with_parameters(inspect.getdoc(function) or "", self._described)
        kind = returns if returns == "None" else f"{returns}[{self.output}]"
        return RenderedMethod(_start(function), verb, self._parameters, kind, docstring(doc))


def _with_connections(
    write: _Writer, name: str, openers: Mapping[str, _Opener], methods: list[RenderedMethod]
) -> list[TypingClass]:
    """The classes of an endpoint's connections, and its own with the methods that open them."""
    from fal_typed._endpoint import Endpoint

    classes: list[TypingClass] = []
    opening: list[RenderedMethod] = []
    for verb, (module, base, kind, options, sending) in openers.items():
        owner = getattr(import_module(module), base)
        own = f"{'Async' * verb.endswith('_async')}{name}{kind}"
        inside = [write.method(owner, sent, returns) for sent, returns in sending.items()]
        classes.append(TypingClass(own, f"{base}[..., {write.output}]", tuple(inside)))
        doc = docstring(inspect.getdoc(getattr(Endpoint, verb)) or "")
        opening.append(RenderedMethod("def", verb, f"**options: Unpack[{options}]", own, doc))
    base = f"Endpoint[..., {write.input}, {write.output}]"
    return [*classes, TypingClass(name, base, (*methods, *opening))]


def _start(function: object) -> str:
    function = getattr(function, "_function", function)
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def _parameters(model: ModelSpec, fields: Sequence[RenderedField]) -> str:
    parts = [
        f"{field.name}: {field.argument}" + (f" = {field.default}" if field.default else "")
        for field in fields
    ]
    starred = ["*", *parts] if parts else []
    return ", ".join([*starred, *(["**extra_data: Any"] if model.is_open else [])])


def _described(fields: Sequence[RenderedField]) -> str:
    ordered: list[RenderedField] = []
    for field in fields:
        # pyright shows the first line with the name and a colon, also where a name ends with it.
        longer = (i for i, other in enumerate(ordered) if other.name.endswith(field.name))
        ordered.insert(next(longer, len(ordered)), field)
    return "\n".join(prose.entry(field.name, field.text) for field in ordered if field.text)
