"""Finds out what an endpoint does: its task, its category and a summary in one sentence.

The documents of the catalog do not say it. The rules in ``tasks.txt`` read the endpoint's id, its
parameters and the media that it accepts and returns; ``task_exceptions.txt`` lists the endpoints
that no rule describes well. The generator, the command line and the catalog page use both files.

A rule has several lines::

    [background-removal] birefnet|rembg
    words: remove background cutout
    ~realtime -> Removes the background of a live video.
    -> Removes the background of {subject}.

The first line names the task and the pattern of ids; without a pattern the rule fits every id. The
others are sentences with their conditions: the endpoint accepts ``image``, requires ``image!``,
does not accept ``-image``, returns ``>image`` (see `Media`), has the parameter ``(strength)``, or
its id contains the pattern ``~realtime``. ``{subject}`` is what the endpoint changes, e.g.
``an image``.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from fal_typed._documents.media import Media, media_of
from fal_typed._documents.schemas import properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed._documents.document import EndpointDocument


class Task(NamedTuple):
    """What an endpoint does.

    Attributes:
        name: The task in lower case with hyphens, e.g. ``background-removal``.
        category: The document's category, e.g. ``image``; if it has none, one that fits.
        summary: One sentence.
        media: The media that the endpoint accepts and returns.
    """

    name: str
    category: str
    summary: str
    media: Media

    @property
    def words(self) -> str:
        """The task and other words for it."""
        return _words(self.name)


class TaskRulesError(ValueError):
    """A line of the rules is invalid; the message quotes it."""


class _Sentence(NamedTuple):
    conditions: tuple[str, ...]
    text: str


class _Rule(NamedTuple):
    task: str
    pattern: re.Pattern[str]
    words: str
    sentences: tuple[_Sentence, ...]


@lru_cache(maxsize=8)  # asked for each parameter of a document
def task_of(document: EndpointDocument) -> Task | None:
    """Find out what an endpoint does.

    Args:
        document: The endpoint's document.

    Returns:
        Its task; None for a route of a private app, whose names can mean anything.

    >>> from fal_typed._documents.catalog import Catalog
    >>> task = task_of(Catalog().document("fal-ai/birefnet"))
    >>> task.name, task.category, task.summary
    ('background-removal', 'image', 'Removes the background of an image.')
    """
    if document.route is not None:
        return None
    media = media_of(document)
    names = set(properties(document.input_schema))
    name, summary = _exceptions().get(document.id) or _by_rules(document, media, names)
    if "lora" in document.id and "loras" in names and "LoRA" not in summary:
        summary = f"{summary.removesuffix('.')}, with LoRA weights."
    return Task(name, _category(document.category, name, media), summary, media)


def possible_words(endpoint_id: str) -> str:
    """Names and other words of all tasks that an endpoint could have, judging by its id alone."""
    rules = (rule for rule in _rules() if rule.pattern.search(endpoint_id))
    known = _exceptions().get(endpoint_id)
    names = [*(rule.task for rule in rules), *([known[0]] if known else [])]
    return " ".join(_words(name) for name in dict.fromkeys(names))


def _by_rules(document: EndpointDocument, media: Media, names: set[str]) -> tuple[str, str]:
    for rule in _rules():
        if rule.pattern.search(document.id):
            for sentence in rule.sentences:
                if all(_holds(one, document.id, media, names) for one in sentence.conditions):
                    return rule.task, sentence.text.format(subject=_subject(media))
    return _by_result(media)


def _holds(condition: str, endpoint_id: str, media: Media, names: set[str]) -> bool:
    if condition.startswith("~"):
        return re.search(condition[1:], endpoint_id) is not None
    if condition.startswith("("):
        return condition[1:-1] in names
    if condition.startswith("-"):
        return condition[1:] not in media.inputs
    if condition.startswith(">"):
        return condition[1:] in media.outputs
    if condition.endswith("!"):
        return condition[:-1] in media.required
    return condition in media.inputs


def _by_result(media: Media) -> tuple[str, str]:
    """The task of an endpoint that no rule fits, e.g. a new one."""
    source = next((kind for kind in _SUBJECTS if kind in media.inputs), "data")
    kind = next((kind for kind in _RESULTS if kind in media.outputs), "data")
    given = f" for {_SUBJECTS[source]}" if source in _SUBJECTS else ""
    return f"{source}-to-{kind}", f"Returns {_RESULTS.get(kind, 'data')}{given}."


_SUBJECTS = {
    "video": "a video",
    "image": "an image",
    "audio": "an audio file",
    "3d": "a 3D model",
    "archive": "an archive of files",
    "text": "a text",
}
_RESULTS = {
    "video": "a video",
    "3d": "a 3D model",
    "image": "an image",
    "audio": "an audio file",
    "weights": "weights",
    "text": "text",
}
_CATEGORY_OF_TASK = {
    "training": "training",
    "speech-to-text": "text",
    "text-to-speech": "speech",
    "voice-cloning": "speech",
    "voice-conversion": "speech",
    "voice-design": "speech",
    "visual-questions": "vision",
    "captioning": "vision",
    "text-recognition": "vision",
    "moderation": "vision",
    "audio-questions": "text",
    "language-model": "llm",
    "embeddings": "llm",
}


def _subject(media: Media) -> str:
    return next((text for kind, text in _SUBJECTS.items() if kind in media.inputs), "an image")


def _category(given: str | None, task: str, media: Media) -> str:
    if given and given != "unknown":
        return given
    found = next((kind for kind in _RESULTS if kind in media.outputs), "json")
    return _CATEGORY_OF_TASK.get(task, "training" if found == "weights" else found)


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(read_rules(_text("tasks.txt")))


def read_rules(text: str) -> Iterator[_Rule]:
    """Parse rules in the format above.

    Raises:
        TaskRulesError: A line is invalid.
    """
    for part in re.split(r"^(?=\[)", _content(text), flags=re.MULTILINE)[1:]:
        first, *lines = part.splitlines()
        head = re.fullmatch(r"\[([a-z0-9-]+)\] ?(.*)", first)
        if head is None:
            raise TaskRulesError(f"expected `[task] pattern`: {first!r}")
        words = [line.removeprefix("words: ") for line in lines if line.startswith("words: ")]
        sentences = [_sentence(line) for line in lines if not line.startswith("words: ")]
        yield _Rule(head[1], re.compile(head[2]), " ".join(words), tuple(sentences))


def _words(task: str) -> str:
    return f"{task.replace('-', ' ')} {_synonyms().get(task, '')}"


def _sentence(line: str) -> _Sentence:
    match = re.fullmatch(r"(?:(\S.*) )?-> ([A-Z0-9].*\.)", line)
    if match is None:
        raise TaskRulesError(f"expected `conditions -> Sentence.`: {line!r}")
    return _Sentence(tuple((match[1] or "").split()), match[2])


@cache
def _synonyms() -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in _rules():
        found[rule.task] = f"{found.get(rule.task, '')} {rule.words}".strip()
    return found


@cache
def _exceptions() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for line in _content(_text("task_exceptions.txt")).splitlines():
        match = re.fullmatch(r"(\S+): \[([a-z0-9-]+)\] ([A-Z].*\.)", line)
        if match is None:
            raise TaskRulesError(f"expected `id: [task] Sentence.`: {line!r}")
        found[match[1]] = match[2], match[3]
    return found


def _content(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _text(name: str) -> str:
    return resources.files("fal_typed._documents").joinpath(name).read_text("utf-8")
