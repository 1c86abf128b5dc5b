"""Settings of the geometric backend."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class GeometricConfig(BaseModel):
    """Placement on the beads, and the relaxation that makes it a molecule."""

    model_config = ConfigDict(extra="forbid")

    kick: float = Field(0.05, gt=0, le=0.2, description="nm; random displacement of atoms that coincide")
    bond_length: float = Field(0.125, gt=0, le=0.3, description="nm; standard length of the mapping's rules")
    relax: bool = Field(
        True, description="bring bonds, angles and hands in order; false: Wassenaar 2014 as is"
    )
    iterations: int = Field(200, ge=20, le=10_000, description="steps of the relaxation")
