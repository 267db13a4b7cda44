"""The journal's tables, and the engine that reaches them.

SQLite runs in WAL mode with `synchronous=FULL`: a commit returns when it is on disk, so that a
submit that left the machine is in the journal even after a power failure. `NORMAL` could lose the
last commits, and with them the note that an item was being sent.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._core.extras import needs
from fal_typed.batch.batch_errors import BatchJournalError

with needs("batch", "sqlalchemy"):
    from sqlalchemy import (
        BigInteger,
        Boolean,
        Column,
        ColumnElement,
        Connection,
        Engine,
        Float,
        Index,
        Integer,
        MetaData,
        Table,
        Text,
        UniqueConstraint,
        create_engine,
        event,
        literal_column,
        text,
    )
    from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

PLANNED = "planned"
SENDING = "sending"
ACCEPTED = "accepted"
COMPLETED = "completed"
FAILED = "failed"
UNCERTAIN = "uncertain"
OPEN = (PLANNED, SENDING, ACCEPTED)
"""States of items that a process works on, or has left behind."""

READING: dict[str, Any] = {"fal_reading": True}
"""Execution options of connections that only read, so that they wait for no writer."""

_POSTGRESQL = "postgresql+psycopg"
_WAIT_FOR_LOCK = 60.0
_SCHEMA_LOCK = 0x66616C62
_Id = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

batches = Table(
    "fal_batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("endpoint", Text, nullable=False),
    # Nanodollars that were spent or are reserved for items in progress.
    Column("committed", BigInteger, nullable=False, default=0),
    # The most that an item cost, in nanodollars; NULL until a result says what one costs.
    Column("highest_cost", BigInteger),
    # While `highest_cost` is unknown: the item that is submitted to find it out.
    Column("probe", BigInteger),
)

workers = Table(
    "fal_batch_workers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("machine", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("seen", Float, nullable=False),
    Column("share", Integer, nullable=False),
    sqlite_autoincrement=True,  # an id that is used again would inherit a dead worker's items
)

items = Table(
    "fal_batch_items",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("has_files", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Integer),
    Column("request_id", Text),
    Column("sent_at", Float),
    Column("cost", BigInteger, nullable=False),
    Column("error", Text),
    Column("output", Text),
    Column("files", Text),
    UniqueConstraint("batch_id", "key"),
)


def state_is(*states: str) -> ColumnElement[bool]:
    """The condition that an item is in one of these states, written out in the statement.

    Partial indexes are not used for a condition with parameters.
    """
    return items.c.state.in_([literal_column(f"'{state}'") for state in states])


Index(
    "fal_batch_open_items",
    items.c.batch_id,
    items.c.owner,
    sqlite_where=state_is(*OPEN),
    postgresql_where=state_is(*OPEN),
)


def open_engine(journal: str | os.PathLike[str]) -> Engine:
    """Open a journal and create its tables if they are missing.

    Args:
        journal: Path of an SQLite file, or a URL such as `postgresql://user@host/database`.

    Raises:
        BatchJournalError: It cannot be opened.
        ModuleNotFoundError: An extra is missing.
    """
    engine = _engine(journal)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                # Processes that start together would create the same table twice.
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"))
            metadata.create_all(connection)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(getattr(error, "orig", error)).partition("\n")[0].rstrip(".")
        raise BatchJournalError(
            f"The journal {engine.url!r} cannot be opened: {reason}. Check the path or the URL."
        ) from error
    return engine


def _engine(journal: str | os.PathLike[str]) -> Engine:
    url = os.fspath(journal)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _sqlite(f"sqlite:///{Path(url).absolute()}")
    if scheme in ("postgresql", "postgres", _POSTGRESQL):
        with needs("postgres", "psycopg"):
            engine = create_engine(f"{_POSTGRESQL}://{rest}", pool_pre_ping=True)
        event.listen(engine, "connect", _set_up_postgresql)
        return engine
    if scheme == "sqlite":
        return _sqlite(url)
    raise BatchJournalError(
        f"A journal is the path of an SQLite file or a postgresql:// URL, not {scheme}://."
    )


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _WAIT_FOR_LOCK})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # SQLAlchemy begins transactions itself, see `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=1"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes would fail when another process writes
    # between the two; one that begins as a writer waits for its turn.
    reading = connection.get_execution_options().get("fal_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _set_up_postgresql(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SHOW synchronous_commit")
    if cursor.fetchone() == ("off",):
        cursor.execute("SET synchronous_commit TO on")
    cursor.close()
    connection.commit()
