"""Settings of the equivariant flow."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EquivariantConfig(BaseModel):
    """Prior, network, how it is trained, and how frames are drawn."""

    model_config = ConfigDict(extra="forbid")

    # where the flow begins
    prior: Literal["isotropic", "chain"] = Field(
        "chain",
        description="Gaussian about every atom's beads: independent, or with bonded atoms tied by springs",
    )
    width: float = Field(
        0.3,
        gt=0,
        le=2,
        description="nm, standard deviation of an atom's components about its beads, but for the springs; "
        "0.1 suits the prior 'isotropic'",
    )
    bond_width: float = Field(
        0.08, gt=0, le=2, description="nm, standard deviation of a bond's components in the prior 'chain'"
    )

    # the graph
    neighbours: int = Field(
        24,
        ge=1,
        le=200,
        description="atoms that an atom hears: all to three bonds, then the nearest; raised where bonded "
        "ones are more",
    )
    cutoff: float = Field(0.6, gt=0, le=5, description="nm, beyond which no atom is a neighbour")
    beads: int = Field(8, ge=1, le=64, description="beads nearest to the owner bead that an atom hears")

    # the network
    layers: int = Field(4, ge=1, le=12, description="rounds in which atoms hear their neighbours")
    scalars: int = Field(64, ge=4, le=512, description="invariant channels (0e)")
    vectors: int = Field(24, ge=2, le=256, description="vector channels (1o)")
    pseudovectors: int = Field(8, ge=1, le=256, description="pseudovector channels (1e)")
    hidden: int = Field(32, ge=4, le=256, description="width of the radial networks")
    predict: Literal["velocity", "endpoint"] = Field(
        "velocity", description="what the network gives: the velocity, or where the atoms end"
    )
    temporal: bool = Field(False, description="also condition on the atoms of the frame before")

    # training
    atoms: int = Field(800, ge=1, description="atoms in a batch, in whole frames or in patches of them")
    patch: float = Field(1.0, gt=0, le=10, description="nm, radius of a patch of a periodic frame")
    margin: float = Field(
        0.3, ge=0, le=5, description="nm at the rim of a patch that is seen but does not count in the loss"
    )
    loss: Literal["velocity", "endpoint"] = Field(
        "velocity", description="squared error of the velocity, or of the endpoint with weight 1 / (1 - t)^2"
    )
    clamp: float = Field(25.0, gt=0, description="largest weight of the loss 'endpoint'")
    lateness: float = Field(
        1.0, gt=0, le=5, description="times of training are 1 - u^lateness, u uniform; 1: uniform"
    )
    previous_noise: float = Field(
        0.01, ge=0, le=1, description="nm, by which the atoms of the frame before are shifted in training"
    )
    previous_missing: float = Field(
        0.1, ge=0, le=1, description="share of training frames that are not shown the frame before"
    )
    vibrate: bool = Field(
        False,
        description="in training, bonds to hydrogen that the reference constrains get their thermal width, "
        "as in the distribution that draws are weighted to; isolated molecules",
    )
    rate: float = Field(2e-3, gt=0, le=1, description="learning rate")

    # drawing frames
    integrator: Literal["euler", "heun", "exponential"] = Field(
        "exponential",
        description="of the flow; exponential: its stiff part exactly, the endpoint linear in time",
    )
    steps: int = Field(8, ge=1, le=1000, description="of the integrator")
    spacing: float = Field(
        1.5, gt=0, le=5, description="step k of n is at 1 - (1 - k/n)^spacing: above 1, shorter ones later"
    )
    hold_bonds: bool = Field(
        False, description="at the end, put the bonds that the force field constrains to their lengths"
    )
    max_memory: int = Field(1024, ge=16, description="MB for the frames and samples that are drawn together")
