"""The zoo from Python."""

from __future__ import annotations

from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest

import bmzoo
from bmzoo.frames.datasets import coarse_grain
from bmzoo.frames.labels import Labels
from bmzoo.frames.trajectory import read_frames, write_frames


@pytest.fixture(scope="module")
def beads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CG trajectory of three frames of chignolin, as gro."""
    system = bmzoo.load_system("cln")
    assert system.reference is not None
    mapping = system.topology.mapping
    frames = list(coarse_grain(system.reference.frames("test", 0, 60, 20), mapping))
    path = tmp_path_factory.mktemp("cln") / "cg.gro"
    write_frames(path, frames, labels=Labels.of_beads(mapping.bead_names, "CLN"))
    return path


def test_backmap_gives_a_universe(beads: Path) -> None:
    universe = bmzoo.backmap(beads, system="cln", backend="geometric", samples=2, seed=3)
    assert universe.atoms.n_atoms == 175
    assert len(universe.trajectory) == 6
    cg = next(read_frames(beads))
    topology = bmzoo.load_system("cln").topology
    mapped = topology.mapping.apply(universe.atoms.positions / 10)
    np.testing.assert_allclose(mapped, cg.positions, atol=1e-5)
    protein = universe.select_atoms("name CA")
    assert len(protein) == 10
    assert set(protein.resnames) >= {"TYR", "PRO", "GLY"}


def test_a_universe_and_a_path_give_the_same(beads: Path) -> None:
    from_path = bmzoo.backmap(beads, system="cln", backend="geometric", stop=1)
    from_universe = bmzoo.backmap(mda.Universe(str(beads)), system="cln", backend="geometric", stop=1)
    np.testing.assert_allclose(from_path.atoms.positions, from_universe.atoms.positions, atol=2e-3)


def test_boxes_and_times_survive() -> None:
    system = bmzoo.load_system("sps")
    assert system.reference is not None
    (frame,) = coarse_grain(system.reference.frames("test", 0, 1), system.topology.mapping)
    universe = mda.Universe.empty(len(frame), trajectory=True)
    universe.atoms.positions = frame.positions * 10
    assert frame.box is not None
    universe.dimensions = [*np.diag(frame.box) * 10, 90, 90, 90]
    found = bmzoo.backmap(universe, system="sps", backend="geometric", config={"relax": False})
    np.testing.assert_allclose(found.dimensions, universe.dimensions, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "saying"),
    [({"system": "clm"}, "did you mean 'cln'"), ({"backend": "geometry"}, "did you mean 'geometric'")],
)
def test_bad_names_raise_one_sentence(beads: Path, change: dict[str, str], saying: str) -> None:
    with pytest.raises(bmzoo.InputError, match=saying):
        bmzoo.backmap(beads, **{"system": "cln", "backend": "geometric", **change})


def test_the_benchmark_is_called_more_than_once(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for _ in range(2):  # the first call imports the package of the same name
        with pytest.raises(bmzoo.InputError, match="exists already"):
            bmzoo.benchmark(systems=["adp"], output=str(tmp_path / "there"))


def test_either_a_system_or_a_topology() -> None:
    other = bmzoo.load_system("cln").topology
    with pytest.raises(bmzoo.InputError, match="not both"):
        bmzoo.load_backmapper("geometric", "adp", topology=other)


@pytest.mark.parametrize("change", [{"start": 9}, {"step": 0}, {"samples": 0}, {"seed": -1}])
def test_choices_of_nothing(beads: Path, change: dict[str, int]) -> None:
    with pytest.raises(bmzoo.InputError):
        bmzoo.backmap(beads, system="cln", backend="geometric", **change)


def test_something_that_is_no_universe() -> None:
    with pytest.raises(bmzoo.InputError, match="MDAnalysis Universe"):
        bmzoo.backmap(3, system="cln", backend="geometric")
