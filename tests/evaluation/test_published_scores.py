"""The published polystyrene snapshots, as the table beside them says (few frames: wider limits)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmzoo.evaluation.evaluate import Evaluation, Result
from bmzoo.frames.frame import Frame
from bmzoo.frames.trajectory import read_frames
from bmzoo.frames.whole import whole_molecules
from bmzoo.systems import load_system

JSD = {"voxel_gan_2020": (0.080, 0.087, 0.0054), "energy_minimised_2020": (0.423, 0.315, 0.0103)}


def evaluate(folder: Path, method: str, family: str, step: int) -> Result:
    topology = load_system("sps:568K").topology

    def frames(name: str) -> Iterator[Frame]:
        return whole_molecules(read_frames(folder / f"{name}.xtc", step=step), topology, beads=False)

    return Evaluation(topology, families=[family]).run(frames("aa"), frames(method))


@pytest.mark.parametrize("method", JSD)
def test_published_distributions(shared_data: Path, method: str) -> None:
    scores = evaluate(shared_data / "sps" / "568K", method, "distributions", step=4).scores
    for name, expected in zip(("angle_jsd", "dihedral_jsd", "bond_rmse"), JSD[method], strict=True):
        assert scores[f"distributions/{name}"].value == pytest.approx(expected, rel=0.06), name


def test_published_energies(shared_data: Path) -> None:
    scores = evaluate(shared_data / "sps" / "568K", "voxel_gan_2020", "energetics", step=17).scores
    for name, expected, reference in (("angle", 1.48, 2.87), ("improper", 0.35, 1.10)):
        found = scores[f"energetics/{name}_energy_per_atom"]
        assert found.value == pytest.approx(expected, rel=0.08), name
        assert found.floor == pytest.approx(reference, rel=0.05), name
