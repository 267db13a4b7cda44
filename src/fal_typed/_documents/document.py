"""Reads the OpenAPI document of one endpoint.

fal publishes one *queue document* per endpoint: a POST that takes the input and a GET
of ``…/requests/{request_id}`` that returns the output. The generator, the emulator and the
command line all read it through `EndpointDocument`. Uses the standard library only.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args
from urllib.parse import unquote

from typing_extensions import Self

from fal_typed._documents import discriminators
from fal_typed._documents.regular_files import read_regular_file

Schema: TypeAlias = "dict[str, Any]"

RouteKind: TypeAlias = Literal["http", "stream", "realtime"]
RealtimeMode: TypeAlias = Literal["unary", "server_streaming", "client_streaming", "bidi"]
Codec: TypeAlias = Literal["msgpack", "json"]

ROUTE = "x-fal-typed-route"
"""Extension key of a path item, for facts that queue documents cannot express; see `Route`."""

_BYTES = ("application/octet-stream", "image/", "video/", "audio/")
_RESULT_SUFFIX = "/requests/{request_id}"
_GENERIC_DESCRIPTION = re.compile(r"The OpenAPI schema for the \S+ queue\.?")
COMPONENT_PREFIX = "#/components/schemas/"
"""Prefix of a reference to a component, before its name."""


class InvalidDocumentError(ValueError):
    """The JSON is not the document of a fal endpoint; the message says what is missing."""


@dataclass(frozen=True)
class Route:
    """A route of an app's document, apart from its input and output.

    Attributes:
        app: Id of the app.
        path: The route's path below the app's id.
        kind: How it is called.
        has_more: Whether the app has a separate stream or realtime route for this one.
        mode: Which side sends several messages in a session; None for other kinds of routes.
        content_type: Media type of a session's messages.
        buffering: How many unread inputs of a session are buffered; None for all.
        session_timeout: Seconds without input after which a session ends; None if unknown.

    See docs/protocol.md section 11.4.
    """

    app: str
    path: str
    kind: RouteKind
    has_more: bool = False
    mode: RealtimeMode | None = None
    content_type: str = "application/msgpack"
    buffering: int | None = None
    session_timeout: float | None = None

    @classmethod
    def read(cls, item: Schema) -> Route | None:
        """Read the route of a path item; None if it has none."""
        raw = _dict(item.get(ROUTE))
        app, path = _text(raw.get("app")), _text(raw.get("path"))
        kind: RouteKind | None = _one_of(raw.get("kind"), get_args(RouteKind))
        if app is None or path is None or kind is None:
            return None
        if kind != "realtime":
            return cls(app, path, kind, has_more=raw.get("has_more") is True)
        protocol = _dict(raw.get("protocol"))
        config = _dict(protocol.get("config"))
        buffering = _number(config.get("buffering"))
        return cls(
            app,
            path,
            kind,
            mode=_one_of(protocol.get("realtimeMode"), get_args(RealtimeMode)) or "unary",
            content_type=_text(protocol.get("contentType")) or cls.content_type,
            buffering=None if buffering is None else int(buffering),
            session_timeout=_number(config.get("sessionTimeout")),
        )

    @property
    def codec(self) -> Codec | None:
        """The codec of a session's messages; None for a codec of the app's own."""
        form = self.content_type.lower()
        if "msgpack" in form or "messagepack" in form:
            return "msgpack"
        return "json" if "json" in form else None

    def means_bytes(self, schema: Schema) -> bool:
        """Whether a string of this schema is sent as bytes, which only MessagePack supports."""
        if self.kind != "realtime" or self.codec != "msgpack" or "contentEncoding" in schema:
            return False
        media = schema.get("contentMediaType")
        is_media = isinstance(media, str) and media.startswith(_BYTES)
        return is_media or schema.get("format") == "binary"


class EndpointDocument:
    """One endpoint's OpenAPI document: its id, its category, and its input and output schemas.

    Args:
        raw: The document as parsed JSON.

    Raises:
        InvalidDocumentError: The document has no endpoint id or no POST operation.

    See docs/protocol.md sections 11.2 and 11.3: input and output are found through the paths,
    never by name.

    >>> document = EndpointDocument({
    ...     "info": {"x-fal-metadata": {"endpointId": "acme/echo", "category": "text"}},
    ...     "paths": {"/acme/echo": {"post": {"requestBody": {"content": {"application/json": {
    ...         "schema": {"$ref": "#/components/schemas/EchoInput"}}}}}}},
    ...     "components": {"schemas": {"EchoInput": {"type": "object"}}},
    ... })
    >>> document.id, document.category, document.input_schema
    ('acme/echo', 'text', {'type': 'object'})
    """

    __slots__ = (
        "category",
        "components",
        "deprecated",
        "description",
        "id",
        "input_ref",
        "input_schema",
        "output_ref",
        "output_schema",
        "raw",
        "route",
    )

    def __init__(self, raw: Schema) -> None:
        metadata = _dict(_dict(raw.get("info")).get("x-fal-metadata"))
        paths = _dict(raw.get("paths"))
        self.raw = raw
        self.id: str = _endpoint_id(metadata, paths)
        """The endpoint's id, e.g. ``fal-ai/flux/dev``."""
        self.category: str | None = _text(metadata.get("category"))
        """The platform's category, e.g. ``text-to-image``; None if the document has none."""
        self.description: str | None = _description(_dict(raw.get("info")))
        """Description of the endpoint; None if the document has only the platform's generic one."""
        components = _dict(raw.get("components"))
        item = _dict(paths.get("/" + self.id))
        operation = _dict(item.get("post"))
        self.deprecated: bool = operation.get("deprecated") is True
        """Whether the document marks the endpoint as deprecated."""
        self.route: Route | None = Route.read(item)
        """The route, if the document comes from an app; else None."""
        body = referenced(components, "requestBodies", operation.get("requestBody"))
        self.input_ref: Schema = _json_schema(body)
        """The input's schema as written at the operation, usually a ``$ref``."""
        self.output_ref: Schema = _output_schema(paths, self.id, components)
        """The output's schema as written at the result operation, usually a ``$ref``."""
        self.components: dict[str, Schema] = discriminators.spelled_out(
            _dict(components.get("schemas")), [self.input_ref, self.output_ref], component_name
        )
        """Every named schema of the document, with what discriminators imply."""
        self.input_schema: Schema = self.resolve(self.input_ref)
        """The input's schema, its top-level ``$ref`` followed."""
        self.output_schema: Schema = self.resolve(self.output_ref)
        """The output's schema, its top-level ``$ref`` followed."""

    @classmethod
    def load(cls, source: Path | str | Schema) -> Self:
        """Read a document from a file or from parsed JSON.

        Args:
            source: Path of a JSON file, or the parsed document.

        Returns:
            The document.

        Raises:
            InvalidDocumentError: The content is not JSON or not an endpoint document.
            OSError: The file cannot be read.
        """
        if isinstance(source, dict):
            return cls(source)
        return cls.parse(read_regular_file(source))

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a document from JSON text.

        Args:
            text: The JSON text.

        Returns:
            The document.

        Raises:
            InvalidDocumentError: The text is not JSON or not an endpoint document.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidDocumentError(f"not a JSON document: {error}") from error
        if not isinstance(raw, dict):
            raise InvalidDocumentError("an OpenAPI document is a JSON object")
        return cls(_dict(raw))

    def resolve(self, schema: Schema) -> Schema:
        """Follow a schema's ``$ref`` until a schema without one is reached.

        Keywords next to a ``$ref`` (a default, a description) override those of its target. A
        dangling or circular reference resolves to the keywords next to it, because real
        documents contain both and must stay usable.

        Args:
            schema: A schema of this document.

        Returns:
            The schema itself if it has no ``$ref``, else a new dict.
        """
        seen: set[str] = set()
        while isinstance(ref := schema.get("$ref"), str):
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            if ref in seen:
                return siblings
            seen.add(ref)
            schema = {**self._component(ref), **siblings}
        return schema

    def _component(self, ref: str) -> Schema:
        name = component_name({"$ref": ref})
        return {} if name is None else _dict(self.components.get(name))


def component_name(schema: Schema) -> str | None:
    """Name of the component that a schema refers to.

    Args:
        schema: Any schema.

    Returns:
        ``Image`` for ``{"$ref": "#/components/schemas/Image"}``; None for a schema without a
        reference to a component.

    >>> component_name({"$ref": "#/components/schemas/Image"})
    'Image'
    """
    ref = schema.get("$ref")
    if not isinstance(ref, str) or not ref.startswith(COMPONENT_PREFIX):
        return None
    name = ref.removeprefix(COMPONENT_PREFIX)
    if "%" in name or "~" in name:  # escaped as in a URL and a JSON pointer
        return unquote(name).replace("~1", "/").replace("~0", "~")
    return name


def _endpoint_id(metadata: Schema, paths: Schema) -> str:
    stated = _text(metadata.get("endpointId"))
    posts = [path for path, item in paths.items() if "post" in _dict(item)]
    if stated is not None and "/" + stated in posts:
        return stated
    if len(posts) == 1:
        return posts[0].strip("/")
    if stated is not None:
        raise InvalidDocumentError(f"no POST operation at /{stated}")
    raise InvalidDocumentError("no x-fal-metadata.endpointId and not exactly one POST operation")


def _description(info: Schema) -> str | None:
    """The description, unless it is the generic one that the platform writes into documents."""
    text = _text(info.get("description"))
    return None if text is None or _GENERIC_DESCRIPTION.fullmatch(text.strip()) else text


def _output_schema(paths: Schema, endpoint_id: str, components: Schema) -> Schema:
    result = _dict(_dict(paths.get("/" + endpoint_id + _RESULT_SUFFIX)).get("get"))
    return _json_schema(
        referenced(components, "responses", _dict(result.get("responses")).get("200"))
    )


def referenced(components: Schema, kind: str, holder: Any) -> Schema:
    """Follow the reference of a request body or a response to a named one.

    Args:
        components: The components of its document.
        kind: ``requestBodies`` or ``responses``.
        holder: The request body or the response as written at its operation.

    Returns:
        The named one, or `holder` if it has no reference; empty if neither exists.
    """
    ref, prefix = _text(_dict(holder).get("$ref")), f"#/components/{kind}/"
    if ref is None or not ref.startswith(prefix):
        return _dict(holder)
    return _dict(_dict(components.get(kind)).get(ref.removeprefix(prefix)))


def _json_schema(holder: Any) -> Schema:
    """Schema of the JSON content of a request body or a response."""
    content = _dict(_dict(holder).get("content"))
    return _dict(_dict(content.get("application/json")).get("schema"))


def _dict(value: Any) -> Schema:
    return cast("Schema", value) if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    """The value if it is a positive number, else None."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_one and 0 < value < math.inf else None


def _one_of(value: Any, known: tuple[Any, ...]) -> Any:
    return value if isinstance(value, str) and value in known else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
