"""A coarse-grained force field: fitted priors plus a network; how it is stored and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bmzoo.coarse.network import DeltaEnergy
from bmzoo.coarse.priors import Priors
from bmzoo.errors import InputError
from bmzoo.molecules.constants import GAS_CONSTANT
from bmzoo.systems.system import System

WEIGHTS = Path(__file__).parent / "weights"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class NetworkSize:
    """Hyper-parameters of :class:`DeltaEnergy`; ``cutoff`` in nm."""

    width: int = 24
    n_filters: int = 20
    n_layers: int = 1
    cutoff: float = 1.0


class CoarseForceField(nn.Module):
    """``forward``: energies ``(n_frames,)`` kJ/mol of beads ``(n_frames, n_beads, 3)`` nm.

    Args:
        system: its beads, their bonds, and the temperature; a force field is of that state only.
        size: of the network.
    """

    def __init__(self, system: System, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        mapping = system.topology.mapping
        self.n_beads = mapping.n_beads
        self.kt = GAS_CONSTANT * temperature_of(system)
        self.priors = Priors(mapping)
        self.delta = DeltaEnergy(mapping.n_beads, self.priors.n_scaled, **asdict(size), scale=self.kt)

    def forward(self, positions: Tensor) -> Tensor:
        values = self.priors.measure(positions)
        return self.priors.energy(values) + self.delta(positions, self.priors.scaled(values))

    def left(self, positions: Tensor) -> Tensor:
        """``(n_frames,)`` kJ/mol: the network's energy alone."""
        return self.delta(positions, self.priors.scaled(self.priors.measure(positions)))


def forces_of(energy: Callable[[Tensor], Tensor], positions: Tensor, *, create_graph: bool = False) -> Tensor:
    """``(n_frames, n_beads, 3)`` kJ/mol/nm: minus the gradient of ``energy``."""
    with torch.enable_grad():
        where = positions.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(energy(where).sum(), where, create_graph=create_graph)
    return -gradient


def temperature_of(system: System) -> float:
    """K.

    Raises:
        InputError: if the system states none.
    """
    if system.topology.temperature is None:
        raise InputError(f"{system.name}:{system.state} states no temperature")
    return system.topology.temperature


def save_force_field(folder: Path, model: CoarseForceField, system: System) -> None:
    """Writes ``model.safetensors`` and ``config.json``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format_version": FORMAT_VERSION,
        "system": system.name,
        "state": system.state,
        "network": asdict(model.size),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.safetensors")


def load_force_field(system: System, folder: Path | None = None) -> CoarseForceField:
    """The force field of a system, ready to use.

    Args:
        folder: as ``bmzoo train-cg`` wrote it; the shipped one of the system if ``None``.

    Raises:
        InputError: no such folder, files that are damaged, or a force field of another system or state.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    place = WEIGHTS / system.name if folder is None else folder
    if not (place / "config.json").is_file():
        known = ", ".join(shipped_force_fields()) or "none"
        raise InputError(
            f"there is no coarse-grained force field in {place}; shipped are those of {known}; "
            "make one with bmzoo train-cg"
        )
    try:
        config = json.loads((place / "config.json").read_text())
        model = CoarseForceField(system, NetworkSize(**config["network"]))
        belongs = config["system"], config["state"]
        tensors = load_file(place / "model.safetensors")
        if belongs == (system.name, system.state):
            model.priors.set_torsions(
                torch.stack([tensors["priors.torsions_cosine"], tensors["priors.torsions_sine"]], -1).numpy()
            )
            model.load_state_dict(tensors)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"the coarse-grained force field in {place} is damaged ({error})") from error
    if belongs != (system.name, system.state):
        raise InputError(
            f"the force field in {place} is of {':'.join(belongs)}, not of {system.name}:{system.state}"
        )
    return model.eval().requires_grad_(False)


def shipped_force_fields() -> tuple[str, ...]:
    """Systems that one is shipped for."""
    return tuple(sorted(path.parent.name for path in WEIGHTS.glob("*/config.json")))
