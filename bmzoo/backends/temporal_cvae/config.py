"""Settings of the temporal conditional VAE."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bmzoo.errors import InputError


class TemporalCVAEConfig(BaseModel):
    """What is seen, by which networks, how they are trained, and how frames are drawn."""

    model_config = ConfigDict(extra="forbid")

    # what is seen
    cells: int = Field(8, ge=4, le=32, multiple_of=4, description="voxels along an edge of the grid")
    edge: float = Field(1.8, gt=0, le=50, description="nm, edge of the grid; every atom must lie inside")
    width: float = Field(0.1, gt=0, le=5, description="nm, standard deviation of a particle's density")
    order: int = Field(1, ge=1, le=8, description="frames before that are seen (Markov order)")
    augment: Literal["align", "rotate"] = Field(
        "align",
        description="training frames lie superposed on their mean beads, or, as published, turned at random; "
        "frames are always drawn superposed",
    )
    coordinates: bool = Field(True, description="coordinates are seen beside the voxels")

    # the networks
    network: Literal["voxels", "beads"] = Field(
        "voxels",
        description="whole molecules, as published; or beads, each with its atoms in a frame of its own, "
        "that tell one another what they know: for molecules that bend, and few frames",
    )
    features: int = Field(16, ge=4, le=256, description="features of the convolutions")
    decoder_features: int | None = Field(
        None, ge=4, le=256, description="of the decoder's; default: the same"
    )
    blocks: int = Field(2, ge=0, le=16, description="residual blocks of convolutions, or rounds of beads")
    springs: int = Field(
        8, ge=0, le=100, description="steps in which springs relax atoms, with a network of beads"
    )
    spring_bonds: Literal[2, 3] = Field(3, description="bonds over which these springs reach")
    stride: Literal[1, 2] = Field(2, description="of the first convolution of encoders")
    hidden: int = Field(256, ge=16, le=4096, description="width of the layers behind the convolutions")
    latent: int = Field(32, ge=1, le=512, description="dimensions of the latent space, or of every bead's")
    readout: Literal["coordinate", "density"] = Field(
        "coordinate",
        description="the decoder gives coordinates, as differences to a linear guess; or, as published, "
        "densities whose means they are",
    )
    guess_noise: float = Field(
        0.02,
        gt=0,
        le=1,
        description="nm, how little the linear guess trusts the frame before; with 'align' only",
    )

    # training
    batch: int = Field(64, ge=1, le=4096, description="windows in a batch")
    unroll: int = Field(3, ge=1, le=64, description="frames of a window, each fed into the next")
    backwards: bool = Field(
        False,
        description="learn from runs in reverse order, too: in equilibrium both ways are equally likely",
    )
    previous_noise: float = Field(
        0.01, ge=0, le=1, description="nm, by which the atoms before a window are shifted at most"
    )
    rate: float = Field(1e-3, gt=0, le=1, description="learning rate")
    voxel_weight: float = Field(1.0, ge=0, description="weight of the mean square error of the densities")
    coordinate_weight: float = Field(1.0, ge=0, description="weight of that of the coordinates")
    bead_weight: float = Field(1.0, ge=0, description="weight of that of the beads, before they are held")
    distance_weight: float = Field(1.0, ge=0, description="weight of that of all distances between atoms")
    local_weight: float = Field(
        1.0, ge=0, description="weight of that of the distances of atoms up to two bonds apart"
    )
    energy_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the mean square difference of the energies in kT, at the end of the ramp; "
        "needs a force field",
    )
    energy_first: float = Field(1e-6, gt=0, description="weight where the ramp begins")
    energy_start: int = Field(2_000, ge=0, description="steps without energies")
    energy_ramp: int = Field(10_000, ge=1, description="steps over which their weight rises exponentially")
    energy_clamp: float = Field(
        1000.0, gt=0, description="kJ/mol; greater differences count as this, without a gradient"
    )
    resolution: float = Field(
        0.003,
        gt=0,
        le=1,
        description="nm, the standard deviation with which the decoder is said to miss an atom: it sets the "
        "scale of the Kullback-Leibler term",
    )
    beta: float = Field(1.0, ge=0, description="weight of the Kullback-Leibler term, once risen")
    beta_schedule: Literal["constant", "cyclic"] = Field(
        "constant", description="always the same, or rising in cycles, against latents that are ignored"
    )
    beta_cycle: int = Field(5_000, ge=1, description="steps of a cycle")
    beta_cycles: int = Field(4, ge=1, description="cycles; afterwards the weight stays where it is")

    # drawing frames
    prior: Literal["flow", "mixture"] = Field(
        "flow",
        description="what latents are drawn from: a flow that is trained beside, given beads and earlier "
        "atoms; or, as published, a mixture of Gaussians that knows neither",
    )
    prior_steps: int = Field(8, ge=1, le=1000, description="of the flow's integrator")
    modes: int = Field(
        0,
        ge=0,
        le=10_000,
        description="of what a decoder of beads misses, widest first: displacements along them, and misses "
        "of lengths, are drawn beside; 0: none",
    )
    components: int = Field(10, ge=1, le=100, description="Gaussians fitted to the latents of the reference")
    mixture_frames: int = Field(4_000, ge=1, description="reference frames that they are fitted to")
    seeds: int = Field(
        300, ge=1, le=100_000, description="reference frames kept, whose past a trajectory can begin with"
    )
    gap: float = Field(
        1.5, ge=1, le=100, description="usual intervals, beyond which a frame does not follow the one before"
    )
    hold_beads: bool = Field(True, description="put the atoms exactly onto their beads")
    hold_bonds: bool = Field(
        True, description="put the bonds that the force field constrains to their lengths, beads kept"
    )

    def check(self) -> None:
        """Raises:
        InputError: a setting that only networks of beads have a use for, with another network.
        """
        fields = type(self).model_fields
        for name in ("springs", "spring_bonds", "modes") if self.network == "voxels" else ():
            if getattr(self, name) != fields[name].default:
                raise InputError(f"'{name}' belongs to 'network: beads'; leave it out, or choose that one")
