"""The terms of the loss."""

from __future__ import annotations

import torch
from torch import Tensor

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig
from bmzoo.backends.temporal_cvae.network import LENGTH, Decoded, Network
from bmzoo.backends.temporal_cvae.schedules import beta, energy_weight
from bmzoo.backends.temporal_cvae.springs import near_pairs
from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.molecules.topology import Topology
from bmzoo.representations.energies import Energies
from bmzoo.representations.interactions import lengths

PRIOR = 0.01
"""Weight of the prior's loss, whose gradients reach the prior alone: so small that clipping spares the rest.
"""
ROOM_TEMPERATURE = 300.0
"""K, where none is given."""


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``(batch,)`` Kullback-Leibler divergence of the posterior from the standard normal."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


class LossTerms:
    """How far decoded atoms are from the reference, in every respect that has a weight.

    Lengths are in units of ``LENGTH``. The Kullback-Leibler term stands to the coordinates as in the
    evidence lower bound of a decoder that misses every coordinate by ``resolution``.

    Raises:
        InputError: a weight of energies without a force field.
    """

    def __init__(self, topology: Topology, config: TemporalCVAEConfig) -> None:
        self.config = config
        graph = topology.graph
        self._near = near_pairs(graph)
        self._kl_scale = 2 * (config.resolution / LENGTH) ** 2 / (3 * topology.n_atoms)
        self._kt = GAS_CONSTANT * (topology.temperature or ROOM_TEMPERATURE)
        self.energy: Energies | None = None
        if config.energy_weight:
            if topology.force_field is None:
                raise InputError(
                    f"energy_weight needs a force field, and {graph.name} has none; give one with the "
                    "topology, or set energy_weight to 0"
                )
            self.energy = Energies(topology.force_field)

    def to(self, device: str) -> None:
        """Moves what the terms need."""
        self._near = self._near.to(device)
        if self.energy is not None:
            self.energy.to(device)

    def __call__(
        self, network: Network, found: Decoded, atoms: Tensor, beads: Tensor, step: int
    ) -> dict[str, Tensor]:
        """Every term but the divergence, and ``rmsd`` (nm), which is only told; means over the batch."""
        config = self.config
        off = (found.atoms - atoms) / LENGTH
        terms = {"coordinate": off.square().mean()}
        terms["rmsd"] = LENGTH * off.detach().square().sum(-1).mean().sqrt()
        terms["bead"] = ((network.mapping @ found.free - beads) / LENGTH).square().mean()
        if config.voxel_weight and found.densities is not None:
            terms["voxel"] = (found.densities - network.densities_of(atoms)).square().mean()
        if config.distance_weight:
            terms["distance"] = ((_distances(found.atoms) - _distances(atoms)) / LENGTH).square().mean()
        if config.local_weight and len(self._near):
            now, then = (self._local(x) for x in (found.atoms, atoms))
            terms["local"] = ((now - then) / LENGTH).square().mean()
        if self.energy is not None and energy_weight(step, config):
            with torch.no_grad():
                known = self.energy(atoms)
            away = (self.energy(found.atoms) - known).clamp(-config.energy_clamp, config.energy_clamp)
            terms["energy"] = (away / self._kt).square().mean()
        return terms

    def total(self, terms: dict[str, Tensor], step: int) -> Tensor:
        """The weighted sum."""
        config = self.config
        weights = {
            "coordinate": config.coordinate_weight,
            "bead": config.bead_weight,
            "voxel": config.voxel_weight,
            "distance": config.distance_weight,
            "local": config.local_weight,
            "energy": energy_weight(step, config),
            "kl": beta(step, config) * self._kl_scale,
            "prior": PRIOR,
        }
        return torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()

    def _local(self, atoms: Tensor) -> Tensor:
        one, other = self._near.T
        return lengths(atoms[:, one] - atoms[:, other])


def _distances(atoms: Tensor) -> Tensor:
    """``(batch, n, n)`` nm."""
    return torch.cdist(atoms, atoms, compute_mode="donot_use_mm_for_euclid_dist")
