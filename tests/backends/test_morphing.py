"""Morphing: chains of beads whose local structure is another's, large scales kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bmzoo.backends.checkpoints import read_checkpoint, save_checkpoint
from bmzoo.backends.config import build_config
from bmzoo.backends.loading import load_backmapper
from bmzoo.backends.morphing.ranges import Holder, Range, Ranges
from bmzoo.backends.registry import get_backend
from bmzoo.backends.scaled import scaled, stretched
from bmzoo.backends.voxel_gan.model import VoxelGAN
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.molecules.beads import chain_graph, identity_mapping, merge_consecutive
from bmzoo.molecules.topology import Topology
from bmzoo.pipeline import backmap_frames
from bmzoo.systems import load_system

N = 12


def chain() -> Topology:
    graph = chain_graph("KG", ("K",) * N, 1.0)
    return Topology(graph, identity_mapping(graph), None, 300.0)


def walks(n: int, bond: float, angle: float, width: float, seed: int) -> NDArray[np.float64]:
    """``(n, N, 3)`` chains with one bond length and angles about one value."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n, N - 1, 3))
    steps /= np.linalg.norm(steps, axis=-1, keepdims=True)
    for k in range(1, N - 1):
        side = np.cross(steps[:, k - 1], steps[:, k])
        side /= np.linalg.norm(side, axis=-1, keepdims=True)
        bend = np.pi - rng.normal(angle, width, (n, 1))
        steps[:, k] = np.cos(bend) * steps[:, k - 1] + np.sin(bend) * side
    lengths = rng.normal(bond, 0.02 * bond, (n, N - 1, 1))
    return np.concatenate([np.zeros((n, 1, 3)), np.cumsum(lengths * steps, axis=1)], axis=1)


def frame(chains: NDArray[np.float64], edge: float, index: int = 0) -> Frame:
    rng = np.random.default_rng(index)
    moved = chains + rng.uniform(0, edge, (len(chains), 1, 3))
    return Frame(moved.reshape(-1, 3), np.eye(3) * edge, index=index, time=float(index))


def target(seed: int = 1) -> list[PairedFrames]:
    """Bonds of 0.7 nm, angles about 130 degrees, eight chains in 6 nm."""
    frames = [frame(walks(8, 0.7, 2.27, 0.15, seed + k), 6.0, k) for k in range(25)]
    return [PairedFrames(f, f) for f in frames]


def source(index: int = 0) -> Frame:
    """Bonds of 1, angles nearly straight, in reduced units."""
    return frame(walks(8, 1.0, 2.8, 0.25, 77 + index), 9.0, index)


def sizes(frame: Frame, s: int) -> NDArray[np.float64]:
    """Merged beads, about the frame's centre, in units of the box."""
    beads = merge_consecutive(chain().graph, s).apply(frame.positions).reshape(8, -1, 3)
    return np.asarray((beads - beads.mean(axis=1, keepdims=True)) / frame.box[0, 0])


@pytest.mark.parametrize("s", [2, 3])
def test_local_structure_changes_and_merged_beads_do_not(s: int) -> None:
    model = load_backmapper("morphing", chain(), settings=[f"s={s}"], library=target())
    given = source()
    (drawn,) = model.backmap([given], seed=3)
    assert drawn.box[0, 0] == pytest.approx(6.0)
    assert sizes(drawn, s) == pytest.approx(sizes(given, s), abs=1e-3)
    before, after = (np.diff(f.positions.reshape(8, N, 3), axis=1) for f in (given, drawn))
    lengths = np.linalg.norm(after, axis=-1)
    assert np.median(np.abs(lengths - 0.7)) < 0.5 * np.median(
        np.abs(np.linalg.norm(before, axis=-1) * 6 / 9 - 0.7)
    )


def test_same_seed_same_frames_and_samples_differ() -> None:
    # lengths of beads, not of atoms: fragments fit to a tenth of a nanometre
    model = load_backmapper("morphing", chain(), config={"settings": {"width": 0.1}}, library=target())
    frames = [source(0), source(1)]
    once = [f.positions for f in model.backmap(frames, n_samples=2, seed=5)]
    again = [f.positions for f in model.backmap(frames[1:], n_samples=2, seed=5)]
    assert np.array_equal(once[2], again[0])
    assert np.array_equal(once[3], again[1])
    assert np.abs(once[2] - once[3]).max() > 1e-3


def test_saved_weights_hold_the_generator(tmp_path: Path) -> None:
    model = load_backmapper("morphing", chain(), settings=["s=3"], library=target())
    (drawn,) = model.backmap([source()], seed=3)
    folder = save_checkpoint(model, tmp_path / "kg-s3", system="kg")
    (again,) = read_checkpoint(folder).restore(chain()).backmap([source()], seed=3)
    assert again.positions == pytest.approx(drawn.positions, abs=1e-4)
    with pytest.raises(InputError, match="put back 3 merged beads of this chain, not 2"):
        load_backmapper("morphing", chain(), weights=folder, settings=["s=2"])
    for change in ("generator=voxel_gan", "weights=elsewhere", "short_ends=true"):
        with pytest.raises(InputError, match="hold their generator"):
            load_backmapper("morphing", chain(), weights=folder, settings=[change])


def test_one_network_for_several_numbers_of_beads(tmp_path: Path) -> None:
    """Saved with its scale and with the numbers that it was trained for."""
    merged = [
        Topology(chain().graph, merge_consecutive(chain().graph, s, alike=True), None, 300.0) for s in (2, 3)
    ]
    torch.manual_seed(0)
    small = build_config(get_backend("equivariant").Config, SMALL["equivariant"])
    network = scaled(get_backend("equivariant")(merged[0], small), 0.2)
    weights = save_checkpoint(network, tmp_path / "g", system="blobs", also=merged[1:])
    told = ["generator=equivariant", f"weights={weights}"]
    model = load_backmapper("morphing", chain(), settings=[*told, "s=3"], library=target())
    other = Topology(chain_graph("PS", ("B",) * N, 7.0), identity_mapping(chain().graph), None, 300.0)
    folder = save_checkpoint(model, tmp_path / "kg", system="kg", also=[other])
    for topology, s in ((chain(), 3), (other, 2)):
        given = source()
        (drawn,) = load_backmapper("morphing", topology, weights=folder, settings=[f"s={s}"]).backmap(
            [given], seed=3
        )
        assert sizes(drawn, s) == pytest.approx(sizes(given, s), abs=1e-3)
    with pytest.raises(InputError, match="put back 2 or 3 merged beads"):
        load_backmapper("morphing", chain(), settings=[*told, "s=4"], library=target())


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="as many beads"):
        load_backmapper("morphing", load_system("sps").topology, library=[])
    with pytest.raises(InputError, match="no frames of the target"):
        load_backmapper("morphing", chain(), library=[])
    whole = load_backmapper("morphing", chain(), settings=["scheme=B"], library=target())
    with pytest.raises(InputError, match="cannot start from given ones"):
        list(whole.backmap([source()], seed=0))
    boxless = Frame(source().positions)
    free = load_backmapper("morphing", chain(), library=target())
    with pytest.raises(InputError, match="has no box"):
        list(free.backmap([boxless], seed=0))


def test_holder_brings_back_what_is_outside_and_keeps_beads() -> None:
    topology = chain()
    merged = Topology(topology.graph, merge_consecutive(topology.graph, 3), None, None)
    inside, outside = walks(4, 0.7, 2.27, 0.1, 0), walks(4, 0.7, 2.27, 0.1, 1)
    outside[2, 5] += 0.3
    both = np.concatenate([inside, outside])
    holder = Holder(merged, Ranges(Range(0.6, 0.8), Range(0.9, 1.6)))
    beads = merged.mapping.apply(both.reshape(-1, 3)).reshape(8, -1, 3)
    moved = holder(both, beads, 60)
    kept = ~holder.outside(both).any(axis=1)
    assert kept.any()
    assert np.array_equal(moved[kept], both[kept])
    assert holder.outside(moved).sum() < holder.outside(both).sum()
    assert merged.mapping.apply(moved.reshape(-1, 3)).reshape(8, -1, 3) == pytest.approx(beads, abs=1e-9)


def test_scheme_b_starts_from_what_is_given() -> None:
    """An untrained generator: what counts is that sweeps begin at the given beads and move all of them."""
    topology = chain()
    merged = Topology(topology.graph, merge_consecutive(topology.graph, 2), None, 300.0)
    model = VoxelGAN(
        merged,
        VoxelGAN.Config(cutoff=0.5, features=4, hidden=16, noise=2, hold_bonds=False, repairs=0),
    )
    fine = stretched(frame(walks(3, 0.7, 2.27, 0.15, 2), 6.0), 0.2)
    coarse = fine.with_positions(merged.mapping.apply(fine.positions))
    (drawn,) = model.redraw([PairedFrames(coarse, fine)], sweeps=1, seed=4)
    (again,) = model.redraw([PairedFrames(coarse, fine)], sweeps=1, seed=4)
    assert again.positions == pytest.approx(drawn.positions, abs=1e-5)
    assert drawn.positions.shape == fine.positions.shape
    assert (np.abs(drawn.positions - fine.positions).max(axis=1) > 1e-6).all()
    elsewhere = fine.with_positions(fine.positions + np.array([1.2, 0.0, -2.4]))
    (same,) = model.redraw([PairedFrames(coarse, elsewhere)], sweeps=1, seed=4)
    assert same.positions == pytest.approx(drawn.positions, abs=1e-4)


def fine_pairs() -> tuple[Topology, list[PairedFrames]]:
    """Molecules of 24 particles, two of them a bead: the target one level down."""
    graph = chain_graph("KG", ("A", "B") * N, 1.0)
    topology = Topology(graph, merge_consecutive(graph, 2), None, 300.0)
    found = []
    for k, pair in enumerate(target()):
        beads = pair.coarse.positions
        aside = np.random.default_rng(k).normal(0, 0.1, beads.shape)
        atoms = np.stack([beads - aside, beads + aside], axis=1).reshape(-1, 3)
        found.append(PairedFrames(pair.coarse, pair.coarse.with_positions(atoms)))
    return topology, found


def test_two_steps_are_one_after_the_other() -> None:
    topology, library = fine_pairs()
    settings = ["morphing.s=3", "width=0.1"]
    model = load_backmapper("morphing+fragments", topology, settings=settings, library=library)
    assert not model.capabilities.keeps_beads
    drawn = list(model.backmap([source()], n_samples=2, seed=3))
    assert [f.sample for f in drawn] == [0, 1]
    alone = load_backmapper(
        "morphing", chain(), settings=["s=3"], library=[PairedFrames(p.coarse, p.coarse) for p in library]
    )
    (beads,) = alone.backmap([source()], seed=3)
    assert len(drawn[0]) == 2 * len(beads)
    assert topology.mapping.apply(drawn[0].positions) == pytest.approx(beads.positions, abs=1e-3)
    with pytest.raises(InputError, match="cannot be the first of two steps"):
        load_backmapper("fragments+fragments", topology, library=library)
    with pytest.raises(InputError, match="held"):
        list(backmap_frames([source()], topology, model, refine="minimise"))


SMALL: dict[str, dict[str, Any]] = {
    "voxel_gan": {
        "cutoff": 0.5, "features": 4, "hidden": 16, "noise": 2, "batch": 8, "hold_bonds": False, "repairs": 0
    },
    "equivariant": {
        "cutoff": 0.5, "patch": 0.5, "margin": 0.2, "layers": 1, "scalars": 8, "vectors": 4,
        "pseudovectors": 2, "atoms": 60,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_networks_take_beads_for_atoms(name: str) -> None:
    torch.manual_seed(0)
    topology = Topology(chain().graph, merge_consecutive(chain().graph, 3), None, 300.0)
    backend = get_backend(name)
    model = backend(topology, build_config(backend.Config, SMALL[name]))
    frames = [stretched(p.coarse, 0.2) for p in target()[:4]]
    found = [PairedFrames(f.with_positions(topology.mapping.apply(f.positions)), f) for f in frames]
    batches = model.training_batches(found, seed=1)
    loss = model.training_step(batches(0), 0)["total"]
    loss.backward()
    assert np.isfinite(loss.item())
    (drawn,) = model.backmap([found[0].coarse], seed=2)
    assert np.isfinite(drawn.positions).all()
    if name == "equivariant":
        beads = topology.mapping.apply(drawn.positions)
        assert beads == pytest.approx(found[0].coarse.positions, abs=1e-4)
