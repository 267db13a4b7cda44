"""Names of generated modules, classes, fields and endpoint objects.

Names are derived from untrusted text. Every name is an ASCII identifier of limited length, which is
safe to use in code and in paths.
"""

from __future__ import annotations

import builtins
import hashlib
import keyword
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

MAX_LENGTH = 64
_DIGEST_LENGTH = 6
_MANY = 100
_SHAPE_NUMBER = re.compile(r"(?<=[a-z0-9A-Z])Type[0-9]+$")
ENDPOINT_MODULE = "_endpoint"
SHARED_PACKAGE = "_shared"

IMPORTED = frozenset(
    {
        "Annotated", "Any", "Literal", "ConfigDict", "Field", "RootModel", "Endpoint", "File",
        "FileInput", "FileObjectInput", "Image", "Video", "Audio", "UNSET", "InputModel",
        "OutputModel", "Request", "deprecated", "UniqueItems", "TYPE_CHECKING", "annotations",
        "RuledModel", "SchemaRule", "BodyModel", "ByTag", "overload",
        "TypeAlias", "Result", "Handle", "AsyncHandle", "Stream", "AsyncStream",
        "RealtimeConnection", "AsyncRealtimeConnection", "RealtimeOptions", "Unpack",
        "NotRequired", "Sequence", "TypedDict", "Pipeline", "AsyncPipeline", "PendingRun",
        "AsyncPendingRun", "PipelineOptions",
    }
)  # fmt: skip
"""Names that generated modules import; nothing from a document can use them."""

ALIASES = frozenset({"Input", "Output", "endpoint"})
_BUILTINS = frozenset(dir(builtins))
_TYPE_NAMES = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"})

# Attributes of pydantic's BaseModel and of the file classes. They are listed because names must not
# depend on the installed version of pydantic.
_MODEL_ATTRIBUTES = frozenset(
    {
        "construct", "copy", "dict", "from_orm", "json", "parse_file", "parse_obj", "parse_raw",
        "schema", "schema_json", "update_forward_refs", "validate", "model_computed_fields",
        "model_config", "model_construct", "model_copy", "model_dump", "model_dump_json",
        "model_extra", "model_fields", "model_fields_set", "model_json_schema",
        "model_parametrized_name", "model_post_init", "model_rebuild", "model_validate",
        "model_validate_json", "model_validate_strings",
    }
)  # fmt: skip
_FILE_ATTRIBUTES = frozenset(
    {"open", "open_async", "read", "read_async", "save", "save_async", "to_pil", "to_pil_async"}
)
_DEVICES = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)


class ModuleNames(NamedTuple):
    """Python names of an endpoint.

    Attributes:
        path: Module path in the package, e.g. ``fal_ai.flux.dev``.
        endpoint: Name of the endpoint object, e.g. ``flux_dev``.
        models: Stem of its class names, e.g. ``FluxDev``.
    """

    path: str
    endpoint: str
    models: str

    @property
    def type_name(self) -> str:
        """Name of the endpoint's own class for type checkers, e.g. ``FluxDev``."""
        return class_name(self.models, ())


def module_path(endpoint_id: str) -> str:
    """Module path of an endpoint id, without regard to collisions.

    Args:
        endpoint_id: The id, e.g. ``fal-ai/kling-video/v2.5-turbo/pro``.

    Returns:
        Dotted path in the package.

    >>> module_path("fal-ai/kling-video/v2.5-turbo/pro")
    'fal_ai.kling_video.v2_5_turbo.pro'
    >>> module_path("async/3d")
    'async_.n3d'
    """
    return ".".join(_segment(part) for part in endpoint_id.split("/"))


def choose_names(
    endpoint_ids: Collection[str], earlier: Mapping[str, str]
) -> dict[str, ModuleNames]:
    """Name every endpoint; each has its own module.

    If several ids have the same path, the one that had it before keeps it, else the one that is
    most similar to it. The others get a suffix that depends only on their id, so that names do not
    depend on which other endpoints exist.

    Args:
        endpoint_ids: All ids of the catalog.
        earlier: Module paths chosen in earlier runs, by id.

    Returns:
        The names, by id.

    >>> names = choose_names(["Acme/x", "acme/x"], {})
    >>> names["acme/x"].path
    'acme.x'
    >>> names["Acme/x"].path.startswith("acme.x_")
    True
    """
    meeting: dict[str, list[str]] = {}
    for endpoint_id in sorted(endpoint_ids):
        meeting.setdefault(module_path(endpoint_id), []).append(endpoint_id)
    names: dict[str, ModuleNames] = {}
    for path, ids in meeting.items():
        holder = min(ids, key=lambda id_: (earlier.get(id_) != path, _distance(id_, path), id_))
        for endpoint_id in ids:
            own = path if endpoint_id == holder else f"{path}_{_digest(endpoint_id)}"
            names[endpoint_id] = _names(endpoint_id, own)
    return _clear_of_parents(names)


def field_name(wire: str, taken: Collection[str], *, of_file: bool = False) -> str:
    """Python name of a property.

    Args:
        wire: The property's name in the document.
        taken: Names of the class's other fields.
        of_file: Whether the class is a file class, whose method names are reserved.

    Returns:
        The property's name if it is a valid attribute name, else a similar one.

    >>> field_name("prompt", ()), field_name("schema", ()), field_name("3d-model", ())
    ('prompt', 'schema_', 'n3d_model')
    """
    name = _identifier(wire).lstrip("_") or "field"
    if name[0].isdigit():
        name = f"n{name}"
    reserved = (
        keyword.iskeyword(name)
        or name in _TYPE_NAMES
        or name in _MODEL_ATTRIBUTES
        or (of_file and name in _FILE_ATTRIBUTES)
        or name in IMPORTED
        or name == "self"
    )
    return _free(f"{name}_" if reserved else name, taken)


def class_name(text: str, taken: Collection[str]) -> str:
    """Class name of a component.

    Args:
        text: The component's name in the document.
        taken: Class names that its module already uses.

    Returns:
        A name in Pascal case that does not shadow a builtin or an import of generated modules.

    >>> class_name("registry__image__Image", ()), class_name("Field", ())
    ('RegistryImageImage', 'FieldModel')
    """
    # Documents number components of the same name.
    name = _SHAPE_NUMBER.sub("", pascal(text))
    if name in _BUILTINS or name in IMPORTED or name in ALIASES or keyword.iskeyword(name):
        name = f"{name}Model"
    return _free(name, taken, IMPORTED)


def pascal(text: str) -> str:
    """Text in Pascal case; capitals inside words are kept.

    >>> pascal("kling-video/v2.5"), pascal("LoRAInput"), pascal("3d")
    ('KlingVideoV25', 'LoRAInput', 'N3d')
    """
    words = re.split(r"[^A-Za-z0-9]+", _ascii(text))
    name = "".join(word[0].upper() + word[1:] for word in words if word) or "Model"
    return _bounded(f"N{name}" if name[0].isdigit() else name, text)


def snake(text: str) -> str:
    """A class name in snake case, for its module.

    >>> snake("ImageSize"), snake("LoRAWeight")
    ('image_size', 'lo_ra_weight')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    return spaced.lower()


def shared_module_name(text: str) -> str:
    """Name of the module of a shared class.

    >>> shared_module_name("ImageSize"), shared_module_name("Import")
    ('image_size', 'import_')
    """
    name = snake(text)
    return f"{name}_" if keyword.iskeyword(name) or name in _DEVICES else name


def prefixes(paths: Iterable[str]) -> set[str]:
    """Every package above the given module paths.

    >>> sorted(prefixes(["a.b.c"]))
    ['a', 'a.b']
    """
    found: set[str] = set()
    for path in paths:
        parts = path.split(".")
        found.update(".".join(parts[:end]) for end in range(1, len(parts)))
    return found


def _clear_of_parents(names: dict[str, ModuleNames]) -> dict[str, ModuleNames]:
    """Rename modules that would shadow the endpoint object of their package."""
    objects = {names_.path: names_.endpoint for names_ in names.values()}
    cleared: dict[str, ModuleNames] = {}
    for endpoint_id, chosen in names.items():
        parent, _, last = chosen.path.rpartition(".")
        hides = parent in objects and last in (objects[parent], "endpoint")
        cleared[endpoint_id] = chosen._replace(path=f"{chosen.path}_") if hides else chosen
    return cleared


def _names(endpoint_id: str, path: str) -> ModuleNames:
    own = endpoint_id.partition("/")[2] or endpoint_id
    endpoint = _bounded(_leading(_identifier(own.replace("/", "_")).lower()), own)
    if endpoint in _BUILTINS or keyword.iskeyword(endpoint) or endpoint in IMPORTED:
        endpoint = f"{endpoint}_"
    return ModuleNames(path, endpoint, pascal(own))


def _segment(text: str) -> str:
    name = _leading(_identifier(text).lower())
    if keyword.iskeyword(name) or name in _DEVICES or name.startswith("__"):
        return f"{name}_"
    # These two names are reserved for the generator.
    return f"{name}_" if name in {ENDPOINT_MODULE, SHARED_PACKAGE} else name


def _leading(name: str) -> str:
    return f"n{name}" if not name or name[0].isdigit() else name


def _identifier(text: str) -> str:
    return _bounded(re.sub(r"[^A-Za-z0-9_]", "_", _ascii(text)), text)


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text[: MAX_LENGTH * 4])
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _bounded(name: str, origin: str) -> str:
    if len(name) <= MAX_LENGTH:
        return name
    return f"{name[: MAX_LENGTH - _DIGEST_LENGTH - 1]}_{_digest(origin)}"


def _free(name: str, taken: Collection[str], reserved: Collection[str] = ()) -> str:
    candidate, number = name, 2
    while candidate in taken or candidate in reserved:
        candidate, number = f"{name.rstrip('_')}_{number}", number + 1
        if number == _MANY:
            number = max(number, len(taken))
    return candidate


def _distance(endpoint_id: str, path: str) -> int:
    """Number of characters in which the id and the path differ."""
    return sum(a != b for a, b in zip(endpoint_id, path.replace(".", "/"), strict=False))


def _digest(text: str) -> str:
    encoded = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(encoded).hexdigest()[:_DIGEST_LENGTH]
