"""Which stages a run is about: `--from`, `--until`, `--only`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from qhub.errors import UsageError
from qhub.runner.operation import AnyStage


@dataclass(frozen=True)
class Selection:
    """Bounds, each a stage's name (`05-jupyterhub`), noun (`jupyterhub`) or number (`05`)."""

    first: str | None = None
    last: str | None = None
    only: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether no stage is left out."""
        return self == WHOLE

    def pick(self, stages: Sequence[AnyStage]) -> list[AnyStage]:
        """The stages inside the bounds.

        Raises:
            UsageError: A bound names no stage of this deployment, or bounds contradict each other.
        """
        if self.only is not None:
            if self.first or self.last:
                raise UsageError("--only goes without --from and --until")
            return [stages[_position(self.only, stages)]]
        first = _position(self.first, stages) if self.first else 0
        last = _position(self.last, stages) if self.last else len(stages) - 1
        if first > last:
            raise UsageError(f"--from {self.first} comes after --until {self.last}")
        return list(stages[first : last + 1])


WHOLE = Selection()
"""Every stage."""


def _position(text: str, stages: Sequence[AnyStage]) -> int:
    for position, stage in enumerate(stages):
        number, noun = stage.name.split("-", 1)
        if text in (stage.name, noun, number, stage.noun):
            return position
    names = [stage.name for stage in stages]
    near = get_close_matches(text, [*names, *(name.split("-", 1)[1] for name in names)], 1)
    raise UsageError(
        f"no stage {text!r} in this deployment" + (f"; did you mean {near[0]}?" if near else ""),
        hint=f"stages: {', '.join(names)}",
    )
