"""Writes out the methods of an endpoint that take its parameters.

They are for type checkers and editors. The docstrings are those of `Endpoint`, with the parameters
added, so that `help()` shows the same text as an editor.
"""

from __future__ import annotations

import ast
import functools
import inspect
from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed._calls.parameter_docs import with_parameters
from fal_typed_codegen.rendering import prose
from fal_typed_codegen.rendering.rendered import RenderedMethod, TypingClass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fal_typed._documents.document import RouteKind
    from fal_typed_codegen.interface.specs import Interface, ModelSpec
    from fal_typed_codegen.rendering.rendered import RenderedField

_WIDTH = prose.WIDTH - 8
_CALLS = {
    "run": "Result",
    "subscribe": "Result",
    "submit": "Handle",
    "stream": "Stream",
}
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
    from fal_typed.endpoint import Endpoint

    model = interface.models[interface.input]
    parameters, described = _parameters(model, fields), _described(fields)
    kind = call_kind(interface)

    def method(owner: type, verb: str, returns: str) -> RenderedMethod:
        function = inspect.getattr_static(owner, verb)
        doc = with_parameters(inspect.getdoc(function) or "", described)
        return RenderedMethod(_start(function), verb, parameters, returns, docstring(doc))

    if kind == "realtime":
        return _realtime_classes(interface, name, method)
    calls = {"stream": "Stream"} if kind == "stream" else dict(_CALLS)
    if kind == "http" and interface.route is not None:
        del calls["stream"]  # its app's document lists the routes that stream
    methods: list[RenderedMethod] = []
    for verb, kind_of_result in calls.items():
        for is_async in (False, True):
            prefix = "Async" if is_async and kind_of_result in _OWN_FORMS else ""
            returns = f"{prefix}{kind_of_result}[{interface.output}]"
            methods.append(method(Endpoint, f"{verb}{'_async' * is_async}", returns))
    base = f"Endpoint[..., {interface.input}, {interface.output}]"
    return [TypingClass(name, base, tuple(methods))]


def call_kind(interface: Interface) -> RouteKind:
    """How an endpoint is called: by requests, by a stream of events, or by a realtime session."""
    if interface.route is not None:
        return interface.route.kind
    return "realtime" if interface.id.endswith("/realtime") else "http"


def docstring(text: str) -> str:
    """The docstring of a method as source text; lines after the first are not indented."""
    inside = prose.docstring(text)
    return f'"""{inside}\n"""' if "\n" in inside else f'"""{inside}"""'


def _realtime_classes(
    interface: Interface, name: str, method: Callable[[type, str, str], RenderedMethod]
) -> list[TypingClass]:
    from fal_typed._realtime.connection import AsyncRealtimeConnection, RealtimeConnection
    from fal_typed.endpoint import Endpoint

    output = interface.output
    classes: list[TypingClass] = []
    opening: list[RenderedMethod] = []
    for owner, verb in (
        (RealtimeConnection, "realtime"),
        (AsyncRealtimeConnection, "realtime_async"),
    ):
        own = f"{'Async' * verb.endswith('_async')}{name}Connection"
        sending = method(owner, "send", "None")
        classes.append(TypingClass(own, f"{owner.__name__}[..., {output}]", (sending,)))
        doc = docstring(inspect.getdoc(getattr(Endpoint, verb)) or "")
        options = "**options: Unpack[RealtimeOptions]"
        opening.append(RenderedMethod("def", verb, options, own, doc))
    base = f"Endpoint[..., {interface.input}, {output}]"
    return [*classes, TypingClass(name, base, tuple(opening))]


def _start(function: object) -> str:
    function = getattr(function, "_function", function)
    return "async def" if inspect.iscoroutinefunction(function) else "def"


def _parameters(model: ModelSpec, fields: Sequence[RenderedField]) -> str:
    parts = [
        f"{field.name}: {plain_type(field.annotation)}"
        + (f" = {field.default}" if field.default else "")
        for field in fields
    ]
    starred = ["*", *parts] if parts else []
    return ", ".join([*starred, *(["**extra_data: Any"] if model.is_open else [])])


def _described(fields: Sequence[RenderedField]) -> str:
    entries = [prose.entry(field.name, field.text, _WIDTH) for field in fields if field.text]
    return "\n".join(entries)


@functools.lru_cache(maxsize=4096)
def plain_type(annotation: str) -> str:
    """A type without pydantic's bounds, which are in the parameter's text."""
    tree = ast.parse(annotation, mode="eval").body
    return ast.unparse(_WithoutBounds().visit(tree))


class _WithoutBounds(ast.NodeTransformer):
    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        is_annotated = isinstance(node.value, ast.Name) and node.value.id == "Annotated"
        if is_annotated and isinstance(node.slice, ast.Tuple):
            inner: ast.AST = self.visit(node.slice.elts[0])
            return inner
        return self.generic_visit(node)
