"""``fal-typed pull``: bring the documents of endpoints into a folder."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from fal_typed_codegen.canonical import UnsafeIdError, case_collisions, path_for
from fal_typed_codegen.lock import LOCK_NAME, InvalidLockError, Lock
from fal_typed_codegen.pull import PruneError, Report, pull
from fal_typed_codegen.sources import Wanted, is_pattern

from fal_typed.cli import FOUND
from fal_typed.client import FalClient

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SCHEMAS = Path("schemas")
_SHOWN = 20


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Endpoint ids or globs, URLs, files, folders; everything the platform has "
            "when left out."
        ),
    ] = None,
    schemas: Annotated[
        Path, typer.Option(file_okay=False, help="Folder to bring the documents into.")
    ] = SCHEMAS,
    query: Annotated[str, typer.Option(help="Only what the platform finds for this.")] = "",
    category: Annotated[str, typer.Option(help="Only this category, e.g. text-to-image.")] = "",
    status: Annotated[
        Literal["active", "deprecated"] | None, typer.Option(help="Only endpoints like this.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Ask each endpoint's public address, not the API.")
    ] = False,
    app_id: Annotated[
        str, typer.Option("--as", help="Id of the app whose own document is pulled.")
    ] = "",
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what the source has no longer.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Don't go on from an interrupted pull.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Requests at once.")] = 8,
) -> None:
    """Bring the documents of endpoints into a folder.

    They come from the platform, or from where the sources point: a URL, a file, a folder, or the
    address of an app that runs (with --as). One that can't be had or read is told and keeps
    its old version; the exit code is then 1. An interrupted pull is gone on with by the same
    command. Only the platform's API gets the key, and it answers without one too.

    Example: fal-typed pull 'fal-ai/flux/*' --schemas schemas
    """
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
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(FOUND) from None
    _show(report, schemas)
    if report.failed:
        raise typer.Exit(FOUND)


def _wanted(
    words: list[str], *, query: str, category: str, status: str | None, public: bool
) -> Wanted:
    urls = [word for word in words if word.startswith(("http://", "https://"))]
    places = [word for word in words if word not in urls and _is_path(word)]
    patterns = [word for word in words if word not in urls and word not in places]
    missing = [place for place in places if not Path(place).exists()]
    if missing:
        raise typer.BadParameter(f"no file or folder {missing[0]!r}", param_hint="SOURCES")
    filters = {"q": query, "category": category, "status": status or ""}
    wanted = Wanted(
        patterns=patterns,
        urls=urls,
        paths=[Path(place) for place in places],
        filters={name: value for name, value in filters.items() if value},
        public=public,
    )
    if wanted.filters and not wanted.of_platform:
        raise typer.BadParameter("--query, --category and --status are asked of the platform")
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


def _show(report: Report, schemas: Path) -> None:
    if report.gone_on:
        typer.echo(f"went on: {report.gone_on} were done already")
    for word, names in (
        ("new", report.added),
        ("changed", report.changed),
        ("removed", report.removed),
    ):
        for name in names[:_SHOWN]:
            typer.echo(f"{word}: {name}")
        if len(names) > _SHOWN:
            typer.echo(f"{word}: {len(names) - _SHOWN} more")
    for name, reason in sorted(report.failed.items()):
        typer.echo(f"error: {name}: {reason}", err=True)
    added = set(report.added)
    for ids in case_collisions(Lock.load(schemas / LOCK_NAME).entries):
        if added & set(ids):
            typer.echo(f"warning: one file where names have no case: {', '.join(ids)}", err=True)
    typer.echo(
        f"{report.taken} documents: {len(report.added)} new, {len(report.changed)} changed, "
        f"{len(report.reworded)} reworded, {report.unchanged} unchanged, "
        f"{len(report.removed)} removed, {len(report.failed)} failed"
    )
