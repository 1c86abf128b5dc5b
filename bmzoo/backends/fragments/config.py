"""Settings of the fragments backend."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FragmentsConfig(BaseModel):
    """How fragments are cut, looked up, drawn and joined."""

    model_config = ConfigDict(extra="forbid")

    scope: Literal["auto", "molecule", "bead"] = Field(
        "auto", description="a fragment is a whole molecule, or the atoms of one bead; auto: by size"
    )
    reach: int = Field(
        2, ge=1, le=4, description="bead bonds up to which other beads describe a bead's context"
    )
    candidates: int = Field(
        20, ge=1, le=500, description="nearest fragments that are superposed and compared"
    )
    neighbours: int = Field(5, ge=1, le=500, description="best of these among which one is drawn")
    width: float = Field(
        0.01,
        gt=0,
        le=1,
        description="nm; a fragment that fits worse by this RMSD is drawn 0.6 times as often",
    )
    joint_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        description="weight of atoms placed before, against one for beads, in superpositions",
    )
    sweeps: int = Field(
        2, ge=0, le=20, description="passes that draw again fragments that overlap with their surroundings"
    )
    iterations: int = Field(
        8, ge=0, le=1000, description="steps that bring bonds and angles to the fragments' own, beads held"
    )
    max_molecules: int = Field(30_000, ge=1, description="molecules of the library that are kept")
    max_fragments: int = Field(20_000, ge=1, description="fragments kept of each class")
