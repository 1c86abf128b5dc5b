"""A system: its topology, its states, and its held-out reference frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bmzoo.errors import unknown
from bmzoo.molecules.topology import Topology
from bmzoo.systems.reference import Reference


@dataclass(frozen=True)
class Landscape:
    """The projection on which a system's free-energy surface is drawn.

    ``phi_psi``: ``atoms`` are two rows of four; ``tica_ca``: ``atoms`` are the alpha carbons,
    whose pair distances are fed to TICA with ``lag`` frames.

    Slow processes are those of a Markov state model on ``centres`` k-means clusters of (sin, cos) of
    phi and psi, or of the TICA components, at ``lag_time`` ps; ``processes`` of them are compared.
    """

    kind: Literal["phi_psi", "tica_ca"]
    atoms: tuple[tuple[int, ...], ...]
    lag: int = 1
    centres: int = 100
    lag_time: float = 5.0
    processes: int = 3


@dataclass(frozen=True)
class System:
    """One system in one state. Get it from :func:`bmzoo.load_system`.

    Attributes:
        name, state: ``sps`` and ``568K``.
        title: one line for tables.
        topology: graph, mapping, force field and temperature (of this state).
        reference: embedded (or given) reference frames, ``None`` where there are none.
        landscape: free-energy surface of the evaluation, if the system has one.
        periodic: whether frames carry a box.
        benchmark_frames: test frames of the default benchmark; a few minutes on two cores.
        kin: a molecule of the same units, that of the default state: its weights and its training frames
            serve this one, which has none of its own.
    """

    name: str
    state: str
    title: str
    topology: Topology
    periodic: bool
    reference: Reference | None = None
    landscape: Landscape | None = None
    benchmark_frames: int = 10
    kin: Topology | None = None


def chosen_state(system: str, state: str | None, states: Sequence[str]) -> str:
    """One of a system's states, by default the first.

    Raises:
        InputError: for a state that it does not have.
    """
    if state and state not in states:
        raise unknown(f"state of {system}", state, states)
    return state or states[0]


def embedded(folder: Path) -> Reference | None:
    """The reference frames in a folder, if there are any."""
    return Reference(folder) if (folder / "provenance.json").is_file() else None
