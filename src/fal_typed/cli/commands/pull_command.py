"""``fal-typed pull``: download endpoint documents into a folder."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fal_typed.cli.command_list import FOUND
from fal_typed.cli.terminal import note, say
from fal_typed.client import FalClient

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from fal_typed_codegen.documents.pull import PullReport
    from fal_typed_codegen.documents.sources import PullSources

SCHEMAS = Path("schemas")
_SHOWN = 20


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Endpoint ids or glob patterns, URLs, files or folders; by default every "
            "endpoint of the platform."
        ),
    ] = None,
    schemas: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to write the documents to.")
    ] = SCHEMAS,
    query: Annotated[str, typer.Option(help="Only endpoints that match this search query.")] = "",
    category: Annotated[
        str, typer.Option(help="Only endpoints of this category, e.g. text-to-image.")
    ] = "",
    status: Annotated[
        Literal["active", "deprecated"] | None,
        typer.Option(help="Only endpoints with this status."),
    ] = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="Use each endpoint's public URL instead of the platform API."
        ),
    ] = False,
    app_id: Annotated[
        str, typer.Option("--as", help="Id of the app whose OpenAPI document is pulled.")
    ] = "",
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete documents that the source no longer has.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of resuming an interrupted pull.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Number of concurrent requests.")] = 8,
) -> None:
    """Download endpoint documents into a folder.

    Sources are the platform, a URL, a file, a folder, or the URL of a running app (with --as). A
    document that cannot be downloaded or read is reported and keeps its old version; the exit code
    is then 1. Run the same command again to resume an interrupted pull. The key is sent only to the
    platform's API, which also works without one.

    Example: fal-typed pull 'fal-ai/flux/*' --schemas schemas
    """
    from fal_typed_codegen.documents.lock import InvalidLockError
    from fal_typed_codegen.documents.pull import PruneError, pull

    wanted = _wanted(sources or [], query=query, category=category, status=status, public=public)
    _check_app_id(app_id)
    try:
        with _progress() as progress, FalClient() as client:
            report = pull(
                schemas,
                wanted,
                client,
                app_id=app_id,
                prune=prune,
                restart=restart,
                jobs=jobs,
                progress=progress,
            )
    except PruneError as error:
        raise typer.BadParameter(str(error), param_hint="--prune") from error
    except InvalidLockError as error:
        raise typer.BadParameter(str(error), param_hint="--schemas") from error
    except KeyboardInterrupt:
        note("Interrupted. Run the same command again to resume.")
        raise typer.Exit(FOUND) from None
    _show(report, schemas)
    if report.failed:
        raise typer.Exit(FOUND)


def _wanted(
    words: list[str], *, query: str, category: str, status: str | None, public: bool
) -> PullSources:
    from fal_typed_codegen.documents.read import document_files
    from fal_typed_codegen.documents.sources import PullSources, is_pattern

    urls = [word for word in words if word.startswith(("http://", "https://"))]
    places = [word for word in words if word not in urls and _is_path(word)]
    patterns = [word for word in words if word not in urls and word not in places]
    missing = [place for place in places if not Path(place).exists()]
    if missing:
        raise typer.BadParameter(f"no file or folder {missing[0]!r}", param_hint="SOURCES")
    for place in map(Path, places):
        if place.is_dir() and next(document_files(place), None) is None:
            raise typer.BadParameter(f"no document (*.json) in {place}", param_hint="SOURCES")
    filters = {"q": query, "category": category, "status": status or ""}
    wanted = PullSources(
        patterns=patterns,
        urls=urls,
        paths=[Path(place) for place in places],
        filters={name: value for name, value in filters.items() if value},
        public=public,
    )
    if wanted.filters and not wanted.of_platform:
        raise typer.BadParameter("--query, --category and --status apply only to the platform")
    for pattern in patterns:
        if not is_pattern(pattern):
            _check_id(pattern, "SOURCES")
    return wanted


def _is_path(word: str) -> bool:
    return word.startswith((".", "/")) or word.endswith(".json") or Path(word).exists()


def _check_app_id(app_id: str) -> None:
    if app_id:
        _check_id(app_id, "--as")


def _check_id(text: str, hint: str) -> None:
    from fal_typed_codegen.documents.canonical import UnsafeIdError, path_for

    try:
        path_for(text, Path())
    except UnsafeIdError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error
    if "/" not in text:
        raise typer.BadParameter(
            f"{text!r} is neither an endpoint id, such as fal-ai/flux/dev, nor a file or folder",
            param_hint=hint,
        )


@contextmanager
def _progress() -> Generator[Callable[[int, int], None], None, None]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("pulling"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("pulling", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(report: PullReport, schemas: Path) -> None:
    from fal_typed_codegen.documents.canonical import case_collisions
    from fal_typed_codegen.documents.lock import LOCK_NAME, SchemaLock

    if report.resumed:
        say(f"resumed: {report.resumed} endpoints were already done")
    for word, names in (
        ("new", report.added),
        ("changed", report.changed),
        ("removed", report.removed),
    ):
        for name in names[:_SHOWN]:
            say(f"{word}: {name}")
        if len(names) > _SHOWN:
            say(f"{word}: {len(names) - _SHOWN} more")
    for name, reason in sorted(report.failed.items()):
        note(f"error: {name}: {reason}")
    added = set(report.added)
    for ids in case_collisions(SchemaLock.load(schemas / LOCK_NAME).entries):
        if added & set(ids):
            note(f"warning: same file on case-insensitive systems: {', '.join(ids)}")
    say(
        f"{report.taken} documents: {len(report.added)} new, {len(report.changed)} changed, "
        f"{len(report.reworded)} reworded, {report.unchanged} unchanged, "
        f"{len(report.removed)} removed, {len(report.failed)} failed"
    )
