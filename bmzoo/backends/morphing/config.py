"""Settings of morphing."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class MorphingConfig(BaseModel):
    """How far beads are merged, what puts them back, and how."""

    model_config = ConfigDict(extra="forbid")

    s: int = Field(2, ge=2, le=1000, description="consecutive beads that are merged into one and put back")
    short_ends: bool = Field(
        False,
        description="merge only s/2 beads at the ends of chains, which are otherwise free to move about the "
        "centre of the last s; weights must be trained so",
    )
    scheme: Literal["A", "B"] = Field(
        "A",
        description="A: all beads drawn anew from the merged ones; B: Gibbs sweeps that start from the beads "
        "given, for generators that draw particle after particle",
    )
    generator: str = Field("fragments", description="backend that puts the beads back")
    weights: str | None = Field(
        None, description="of the generator, trained on the target's beads; default: shipped ones that fit"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the generator's own settings, on top of its weights'"
    )
    sweeps: int = Field(2, ge=1, le=50, description="Gibbs sweeps of scheme B")
    rescale: bool = Field(
        True, description="scale lengths (and boxes) to the target's number of particles per volume first"
    )
    hold_ranges: bool = Field(
        True,
        description="bring bonds and next-nearest distances that left the target's range back to its edge, "
        "merged beads kept",
    )
    push_apart: bool = Field(
        True,
        description="with hold_ranges, push beads apart that are nearer than non-bonded beads of the target "
        "are, of other chains or farther along their own",
    )
    tail: float = Field(
        1e-4, ge=0, lt=0.5, description="share of the target's distances left out at each end of a range"
    )
    iterations: int = Field(20, ge=0, le=1000, description="steps that bring distances back into the range")
