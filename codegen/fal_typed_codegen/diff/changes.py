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
        kind: A name out of `change_kinds.KINDS`.
        place: Where it is, such as ``input.loras[].scale``; empty for the endpoint itself.
        old: What was there, in words; empty when nothing was or it says nothing.
        new: What is there now.
    """

    endpoint: str
    kind: str
    place: str = ""
    old: str = ""
    new: str = ""

    @property
    def level(self) -> Level:
        """What it means for callers."""
        return KINDS[self.kind].level

    @property
    def text(self) -> str:
        """What happened, in words."""
        text = KINDS[self.kind].text
        if self.old and self.new:
            return f"{text}: {self.old} → {self.new}"
        return f"{text}: {self.old or self.new}" if self.old or self.new else text


@dataclass
class Changes:
    """All changes between two states of a catalogue.

    Attributes:
        changes: The worst first, then by endpoint.
        failed: Why a document could not be compared, by where it stands.
    """

    changes: list[Change] = field(default_factory=list[Change])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def count(self, level: Level) -> int:
        """How many changes are of a class."""
        return sum(change.level == level for change in self.changes)

    def reaches(self, level: Level) -> bool:
        """Whether a change is of this class or of a worse one."""
        worst = LEVELS[: LEVELS.index(level) + 1]
        return any(change.level in worst for change in self.changes)

    def endpoints(self) -> int:
        """How many endpoints changed."""
        return len({change.endpoint for change in self.changes})
