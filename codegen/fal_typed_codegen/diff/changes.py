"""Changes between two states of a catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fal_typed_codegen.diff.change_kinds import KINDS, LEVELS

if TYPE_CHECKING:
    from fal_typed_codegen.diff.change_kinds import Level


@dataclass(frozen=True)
class Change:
    """One change of one endpoint.

    Attributes:
        endpoint: The endpoint's id.
        kind: A key of `KINDS`.
        place: Location, such as ``input.loras[].scale``; empty for the endpoint itself.
        old: The old value in words; can be empty.
        new: The new value in words; can be empty.
    """

    endpoint: str
    kind: str
    place: str = ""
    old: str = ""
    new: str = ""

    @property
    def level(self) -> Level:
        """Effect on callers."""
        return KINDS[self.kind].level

    @property
    def text(self) -> str:
        """The change in words."""
        text = KINDS[self.kind].text
        if self.old and self.new:
            return f"{text}: {self.old} → {self.new}"
        return f"{text}: {self.old or self.new}" if self.old or self.new else text


@dataclass
class Changes:
    """All changes between two states of a catalog.

    Attributes:
        changes: The most severe first, then by endpoint.
        failed: Documents that could not be compared, with the reason.
    """

    changes: list[Change] = field(default_factory=list[Change])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def count(self, level: Level) -> int:
        """Number of changes of a class."""
        return sum(change.level == level for change in self.changes)

    def reaches(self, level: Level) -> bool:
        """Whether there is a change of this class or a more severe one."""
        worst = LEVELS[: LEVELS.index(level) + 1]
        return any(change.level in worst for change in self.changes)

    def endpoints(self) -> int:
        """Number of endpoints that changed."""
        return len({change.endpoint for change in self.changes})
