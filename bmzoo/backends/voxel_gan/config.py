"""Settings of the voxel GAN."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class VoxelGANConfig(BaseModel):
    """What is seen, by which network, how it is trained, and how frames are drawn."""

    model_config = ConfigDict(extra="forbid")

    # what is placed, and in which order
    order: Literal["depth-first", "breadth-first", "random"] = Field(
        "depth-first", description="in which order beads and atoms are placed"
    )
    frame: Literal["bonded", "bead"] = Field(
        "bonded",
        description="local frame: on the bonded atom placed before, or, as published, on the owner bead",
    )

    # what is seen
    cutoff: float = Field(0.8, gt=0, le=3, description="nm between beads whose atoms see one another")
    cells: int = Field(8, ge=4, le=32, multiple_of=4, description="voxels along an edge of the cube")
    edge: float = Field(1.2, gt=0, le=6, description="nm, edge of the cube")
    width: float = Field(0.1, gt=0, le=1, description="nm, standard deviation of a particle's density")
    channels: tuple[str, ...] = Field(
        (), description="feature channels such as 'bond:C4'; default: every relation, class and bead type"
    )
    classes: tuple[str, ...] = Field(
        (), description="atom classes that the networks tell apart; default: those of the molecule"
    )
    bead_types: tuple[str, ...] = Field(
        (), description="bead types that the networks tell apart; default: those of the molecule"
    )
    neighbours: int = Field(12, ge=0, le=40, description="most neighbours that are also given as coordinates")
    inputs: Literal["molecule", "bonded"] = Field(
        "molecule",
        description="beside voxels: neighbours to three bonds and the nearest beads; or what looks alike in "
        "other molecules: bonded neighbours, the beads that they are part of, the atom's share of its beads, "
        "and axes along the chain",
    )

    # the networks
    features: int = Field(16, ge=4, le=256, description="features of the first convolution")
    hidden: int = Field(256, ge=16, le=2048, description="width of the layers behind the convolutions")
    noise: int = Field(32, ge=1, le=512, description="dimensions of the noise")
    readout: Literal["coordinate", "density"] = Field(
        "coordinate", description="the network gives a coordinate, or a density whose mean it is"
    )
    unseen_inputs: Literal["random", "ignored"] = Field(
        "random",
        description="weights of inputs before training; 'ignored': zero, so that what never occurs in "
        "training counts for nothing in another molecule",
    )
    spectral_norm: bool = Field(True, description="spectral normalisation of the critic")

    # training
    batch: int = Field(128, ge=2, le=4096, description="placements in a batch of the supervised steps")
    window: int = Field(
        10, ge=1, le=1000, description="steps of the schedule that are unrolled after the supervised steps"
    )
    singles: int = Field(
        0, ge=0, le=1000, description="steps of single placements between two windows: they keep widths right"
    )
    sequences: int = Field(
        36, ge=1, le=4096, description="molecules in a batch of windows, as far as whole frames allow"
    )
    draws: int = Field(
        4,
        ge=2,
        le=16,
        description="placements drawn for each environment in the score of the supervised steps",
    )
    window_draws: int = Field(2, ge=2, le=16, description="draws of every window")
    supervised: int = Field(
        10_000, ge=0, description="first steps, by the energy score alone, before the critic comes in"
    )
    score_weight: float = Field(1.0, ge=0, description="weight of the energy score once the critic is in")
    adversarial: bool = Field(True, description="train against a critic after the supervised steps")
    critic_weight: float = Field(0.01, ge=0, description="weight of the critic beside the score")
    critic_steps: int = Field(4, ge=1, le=20, description="critic steps for each generator step")
    gradient_penalty: float = Field(10.0, ge=0, description="weight of the critic's gradient penalty")
    drift: float = Field(1e-3, ge=0, description="weight of the critic's squared mean output")
    rate: float = Field(1.5e-3, gt=0, le=1, description="learning rate of the generator")
    critic_rate: float = Field(2e-4, gt=0, le=1, description="learning rate of the critic")
    prior: Literal["none", "minimise", "match"] = Field(
        "none", description="energy term: none, lowest energy, or the energy of the reference"
    )
    prior_bonded: float = Field(4e-3, ge=0, description="weight of bonded energies, at the end of the ramp")
    prior_nonbonded: float = Field(4e-2, ge=0, description="weight of Lennard-Jones, at the end of the ramp")
    prior_ramp: int = Field(5_000, ge=1, description="steps over which the prior's weights rise")
    centre_weight: float = Field(
        1.0, ge=0, description="weight of how far beads are off, beside the single distances"
    )
    distance_weight: float = Field(
        0.3, ge=0, description="weight of the score of single distances to neighbours and beads"
    )
    bead_noise: float = Field(
        0.0005, ge=0, le=0.1, description="nm, by which beads are shifted while heavy atoms are learned"
    )
    hydrogen_bead_noise: float = Field(
        0.002,
        ge=0,
        le=0.1,
        description="nm, by which beads are shifted while hydrogens are learned, which cannot make up for "
        "what heavy atoms missed",
    )
    atom_noise: float = Field(
        0.006,
        ge=0,
        le=0.1,
        description="nm, by which placed atoms are shifted at most in the supervised steps: the networks "
        "meet atoms that are placed so well",
    )

    # drawing frames
    hold_bonds: bool = Field(
        True, description="put atoms at the length of the bonds that the reference constrains"
    )
    redraw: Literal["bead", "atom"] = Field(
        "bead", description="what a sweep draws again at a time, given everything else"
    )
    repairs: int = Field(
        3,
        ge=0,
        le=50,
        description="passes that drawing flawed beads again may cost at most, after the first and each sweep",
    )
    sweeps: int = Field(2, ge=0, le=50, description="Gibbs sweeps after the first pass")
    candidates: int = Field(1, ge=1, le=64, description="placements drawn of which one is chosen")
    choice: Literal["plain", "lowest", "boltzmann"] = Field(
        "plain", description="of the candidates: the first, the lowest in energy, or by Boltzmann weight"
    )
    placements: int = Field(1024, ge=1, description="most placements in one batch; bounds the memory")
    frames: int = Field(8, ge=1, le=256, description="frames and samples that are drawn side by side")
