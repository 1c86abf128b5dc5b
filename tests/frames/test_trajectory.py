"""Trajectories in and out: formats, slices, memory, damage, and nothing left behind."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.frames.labels import Labels
from bmzoo.frames.trajectory import (
    Trajectory,
    _part,
    open_writer,
    read_frames,
    read_names,
    write_frames,
)
from bmzoo.molecules.graph import MolecularGraph

BOX = np.array([[9.90668, 0.0, 0.0], [-1.07494, 2.79787, 0.0], [0.3, -0.9, 2.45952]])
ROUNDING = {"gro": 0.00051, "pdb": 0.000051, "xtc": 0.000007, "dcd": 0.0000005, "trr": 0.0000005}
FORMATS = ["gro", "pdb", "xtc", "dcd"]


def some_frames(n: int = 4, n_particles: int = 12, *, periodic: bool = True) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [
        Frame(rng.normal(size=(n_particles, 3)), BOX * (1 + 0.01 * k) if periodic else None, 10.0 + 2 * k, k)
        for k in range(n)
    ]


def ethanol() -> MolecularGraph:
    names = ("C1", "C2", "O")
    return MolecularGraph(
        name="EOH",
        elements=("C", "C", "O"),
        names=names,
        types=names,
        masses=np.array([12.0, 12.0, 16.0]),
        bonds=np.array([[0, 1], [1, 2]]),
        residue_ids=np.array([1, 1, 2]),
        residue_names=("ET", "ET", "OH"),
    )


def write_trr(path: Path, frames: list[Frame]) -> None:
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    with TRRFile(str(path), "w") as file:
        for f in frames:
            box = np.zeros((3, 3)) if f.box is None else f.box
            x = np.asarray(f.positions, dtype=np.float32)
            file.write(x, None, None, box.astype(np.float32), f.index, f.time, 0.0, len(f))


def write_any(path: Path, frames: list[Frame]) -> None:
    if path.suffix == ".trr":
        write_trr(path, frames)
    else:
        assert write_frames(path, frames) == len(frames)


@pytest.mark.parametrize("extension", [*FORMATS, "trr"])
@pytest.mark.parametrize("n_particles", [6, 40])
@pytest.mark.parametrize("periodic", [True, False])
def test_what_is_written_is_read(tmp_path: Path, extension: str, n_particles: int, periodic: bool) -> None:
    frames = some_frames(n_particles=n_particles, periodic=periodic)
    path = tmp_path / f"x.{extension}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_any(path, frames)
        trajectory = Trajectory(path)
        found = list(trajectory)
    assert len(trajectory) == len(found) == 4
    assert trajectory.n_particles == n_particles
    for k, (a, b) in enumerate(zip(frames, found, strict=True)):
        np.testing.assert_allclose(b.positions, a.positions, atol=ROUNDING[extension])
        assert b.positions.dtype == np.float64
        assert b.index == k
        assert b.name == f"x.{extension}, frame {k}"
        if extension != "pdb":
            assert b.time == pytest.approx(a.time, abs=1e-4)
        if a.box is None:
            assert b.box is None
        else:
            np.testing.assert_allclose(b.box, a.box, atol=1e-3 if extension == "pdb" else 6e-6)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("extension", [*FORMATS, "trr"])
def test_frames_are_sliced_and_read_again(tmp_path: Path, extension: str) -> None:
    frames = some_frames(7)
    path = tmp_path / f"x.{extension}"
    write_any(path, frames)
    trajectory = Trajectory(path)
    for cut in (
        slice(None),
        slice(2, 6, 2),
        slice(-2, None),
        slice(5, 100),
        slice(None, None, -3),
        slice(9, 10),
    ):
        found = list(trajectory.frames(cut.start, cut.stop, cut.step))
        assert [f.index for f in found] == list(range(7))[cut]
        for f in found:
            np.testing.assert_allclose(f.positions, frames[f.index].positions, atol=ROUNDING[extension])
    a, b = iter(trajectory), iter(trajectory)
    first = next(a)
    before = first.positions.copy()
    np.testing.assert_array_equal(next(b).positions, before)
    next(a)
    np.testing.assert_array_equal(first.positions, before)


def test_folders_lists_and_patterns(tmp_path: Path) -> None:
    frames = some_frames(12)
    for k, f in enumerate(frames):
        write_frames(tmp_path / f"{k}.gro", [f])
    (tmp_path / "notes.txt").write_text("not a trajectory")
    for source in (tmp_path, str(tmp_path / "*.gro"), [tmp_path / f"{k}.gro" for k in range(12)]):
        trajectory = Trajectory(source)
        assert len(trajectory) == 12
        assert [f.time for f in trajectory] == [f.time for f in frames]
        found = list(trajectory.frames(10, 1, -4))
        assert [f.index for f in found] == [10, 6, 2]
        assert found[0].name == "10.gro, frame 0"
    write_frames(tmp_path / "many.xtc", frames[:5])
    assert [f.index for f in read_frames([tmp_path / "many.xtc", tmp_path / "9.gro"], start=3)] == [3, 4, 5]
    with pytest.raises(InputError, match="name one"):
        Trajectory(tmp_path)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    *[st.none() | st.integers(-25, 25) for _ in range(2)],
    st.none() | st.integers(-7, 7).filter(bool),
)
def test_slices_across_files(
    counts: list[int], start: int | None, stop: int | None, step: int | None
) -> None:
    starts = np.cumsum([0, *counts]).tolist()
    wanted = range(starts[-1])[start:stop:step]
    found = [i + a for a, b in pairwise(starts) for i in _part(wanted, a, b)]
    assert sorted(found) == sorted(wanted)
    for a, b in pairwise(starts):
        inside = [i + a for i in _part(wanted, a, b)]
        assert inside == [i for i in wanted if a <= i < b]


def test_memory_does_not_grow_with_the_trajectory(tmp_path: Path) -> None:
    def peak(n_frames: int) -> int:
        path = tmp_path / f"{n_frames}.xtc"
        rng = np.random.default_rng(0)
        write_frames(path, (Frame(rng.normal(size=(2000, 3)), BOX, k, k) for k in range(n_frames)))
        tracemalloc.start()
        for _ in read_frames(path):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(2)  # imports
    assert peak(200) < peak(20) + 20_000


def test_names_of_molecules(tmp_path: Path) -> None:
    molecule, frames = ethanol(), some_frames(2, 9)
    for extension in ("gro", "pdb"):
        path = tmp_path / f"x.{extension}"
        with open_writer(path, molecule, 3, connect=True) as writer:
            for frame in frames:
                writer.write(frame)
        labels = read_names(path)
        assert labels.names == molecule.names * 3
        assert labels.residue_names == molecule.residue_names * 3
        assert labels.residue_ids.tolist() == [1, 1, 2, 3, 3, 4, 5, 5, 6]
    assert labels.elements == molecule.elements * 3
    text = (tmp_path / "x.pdb").read_text()
    assert text.count("CONECT") == 12
    assert "CONECT    8    9" in text
    assert len(Trajectory(tmp_path / "x.gro", tmp_path / "x.pdb")) == 2
    beads = Labels.of_beads(("A", "B"), "PS", 2)
    assert beads.residue_ids.tolist() == [1, 1, 2, 2]


def test_mdanalysis_reads_what_is_written(tmp_path: Path) -> None:
    import MDAnalysis as mda

    frames = some_frames(3, 9)
    write_frames(tmp_path / "x.pdb", frames, ethanol())
    write_frames(tmp_path / "x.gro", frames[:1], ethanol())
    write_frames(tmp_path / "x.dcd", frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for other in ("x.pdb", "x.dcd"):
            universe = mda.Universe(str(tmp_path / "x.gro"), str(tmp_path / other))
            assert universe.atoms.names.tolist() == ["C1", "C2", "O"] * 3
            assert universe.atoms.resnames.tolist() == ["ET", "ET", "OH"] * 3
            for step, frame in zip(universe.trajectory, frames, strict=True):
                np.testing.assert_allclose(step.positions, frame.positions * 10, atol=1e-3)
                np.testing.assert_allclose(step.triclinic_dimensions, np.asarray(frame.box) * 10, atol=1e-2)


def test_many_particles_and_residues(tmp_path: Path) -> None:
    n = 100_003
    labels = Labels(("C123",) * n, ("LONG",) * n, np.arange(1, n + 1))
    frame = Frame(np.random.default_rng(0).normal(scale=20, size=(n, 3)), BOX)
    for extension in ("gro", "pdb"):
        path = tmp_path / f"x.{extension}"
        write_frames(path, [frame], labels=labels)
        found = next(read_frames(path))
        np.testing.assert_allclose(found.positions, frame.positions, atol=ROUNDING[extension])
    assert read_names(tmp_path / "x.pdb").residue_names[0] == "LONG"


def cut(n: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:n] if n > 0 else data[: len(data) + n]


@pytest.mark.parametrize("extension", [*FORMATS, "trr"])
@pytest.mark.parametrize("damage", [cut(-40), cut(150), cut(700), lambda data: b"", lambda data: b"?" * 500])
def test_damaged_files(tmp_path: Path, extension: str, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"x.{extension}"
    write_any(path, some_frames())
    if extension == "pdb" and len(damage(path.read_bytes())) > 700:
        pytest.skip("the last lines of a pdb file hold no positions")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        list(Trajectory(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trajectory_cut_in_the_middle_gives_the_frames_before(tmp_path: Path) -> None:
    path = tmp_path / "x.xtc"
    write_frames(path, some_frames(4, 40))
    path.write_bytes(path.read_bytes()[:-20])
    found = read_frames(path)
    assert [next(found).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match="frame 3"):
        next(found)
    assert len(list(read_frames(path, stop=3))) == 3


@pytest.mark.parametrize("extension", ["gro", "dcd", "trr"])
def test_frames_with_nan_are_named(tmp_path: Path, extension: str) -> None:
    frames = some_frames(3)
    if extension == "gro":
        write_frames(tmp_path / "x.gro", frames)
        lines = (tmp_path / "x.gro").read_text().splitlines()
        lines[15 + 2 + 4] = lines[15 + 2 + 4][:20] + "     nan" * 3
        (tmp_path / "x.gro").write_text("\n".join(lines))
    else:
        frames[1].positions[4] = np.nan
        if extension == "trr":
            write_trr(tmp_path / "x.trr", frames)
        else:
            from MDAnalysis.lib.formats.libdcd import DCDFile

            with DCDFile(str(tmp_path / "x.dcd"), "w") as file:
                file.write_header(remarks="", natoms=12, nsavc=1, delta=1.0, is_periodic=1, istart=0)
                for f in frames:
                    file.write(f.positions.astype(np.float32), np.zeros(6))
    with pytest.raises(InputError, match=rf"x\.{extension}, frame 1: particle 5"):
        list(read_frames(tmp_path / f"x.{extension}"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trajectory file"):
        Trajectory(tmp_path / "missing.xtc")
    (tmp_path / "x.xyz").write_text("")
    with pytest.raises(InputError, match=r"unknown trajectory format .*\.xyz"):
        Trajectory(tmp_path / "x.xyz")
    with pytest.raises(InputError, match="holds no trajectory files"):
        Trajectory(tmp_path)
    with pytest.raises(InputError, match="pattern"):
        Trajectory(tmp_path / "*.gro")
    with pytest.raises(InputError, match="empty"):
        Trajectory([])
    write_frames(tmp_path / "a.xtc", some_frames(1, 12))
    write_frames(tmp_path / "b.gro", some_frames(1, 13))
    with pytest.raises(InputError, match="12 particles"):
        Trajectory(tmp_path / "a.xtc", tmp_path / "b.gro")
    with pytest.raises(InputError, match="13 particles"):
        list(Trajectory([tmp_path / "a.xtc", tmp_path / "b.gro"]))
    with pytest.raises(InputError, match="no structure file"):
        Trajectory(tmp_path / "a.xtc", tmp_path / "missing.gro")
    with pytest.raises(InputError, match="step"):
        read_frames(tmp_path / "a.xtc", step=0)


def test_gro_frames_of_different_sizes(tmp_path: Path) -> None:
    for n in (5, 6):
        write_frames(tmp_path / f"{n}.gro", some_frames(1, n))
    both = (tmp_path / "5.gro").read_text() + (tmp_path / "6.gro").read_text()
    (tmp_path / "x.gro").write_text(both)
    with pytest.raises(InputError, match="frame 1 has 6 atoms"):
        Trajectory(tmp_path / "x.gro")


def test_gro_with_more_decimals_and_a_short_box(tmp_path: Path) -> None:
    atoms = "".join(f"{1:5d}{'RES':<5}{'C':>5}{k:5d}{-1.23456:10.5f}{k:10.5f}{0.5:10.5f}\n" for k in (1, 2))
    (tmp_path / "x.gro").write_text(f"title, t=   3.5\n2\n{atoms}1.0 2.0 3.0\n\n")
    frame = next(read_frames(tmp_path / "x.gro"))
    np.testing.assert_allclose(frame.positions, [[-1.23456, 1, 0.5], [-1.23456, 2, 0.5]])
    np.testing.assert_allclose(frame.box, np.diag([1.0, 2.0, 3.0]))
    assert frame.time == 3.5


@pytest.mark.parametrize("extension", FORMATS)
def test_a_failed_output_leaves_nothing(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    path.write_text("what was there before")
    frames = some_frames(2)

    def interrupted() -> Iterator[Frame]:
        yield frames[0]
        raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        write_frames(path, interrupted())
    bad = [*frames, Frame(np.full((12, 3), np.nan), index=7)]
    with pytest.raises(InputError, match="frame 7"):
        write_frames(path, bad)
    with pytest.raises(InputError, match="13 particles, not 12"):
        write_frames(path, [*frames, *some_frames(1, 13)])
    with pytest.raises(InputError, match="holds coordinates below"):
        write_frames(path, [Frame(np.full((12, 3), 1e7))])
    with pytest.raises(InputError, match="no frames"):
        write_frames(path, [])
    with pytest.raises(InputError, match="no frames"), open_writer(path):
        pass
    assert path.read_text() == "what was there before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing" / "x.xtc", tmp_path / "file" / "x.gro"):
        with pytest.raises(InputError, match="cannot write"):
            open_writer(path)
    (tmp_path / "x.pdb").mkdir()
    with pytest.raises(InputError, match="folder"):
        open_writer(tmp_path / "x.pdb")
    with pytest.raises(InputError, match=r"unknown output format .*\.trr"):
        open_writer(tmp_path / "x.trr")


def test_published_trajectories(shared_data: Path) -> None:
    folder = shared_data / "sps"
    before = {p: p.stat().st_mtime_ns for p in (folder / "568K").iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trajectory = Trajectory(folder / "568K" / "aa.xtc", folder / "aa.gro")
        assert (len(trajectory), trajectory.n_particles) == (52, 5832)
        last = next(trajectory.frames(-1))
    assert last.time > 0
    assert last.box is not None
    assert {p: p.stat().st_mtime_ns for p in (folder / "568K").iterdir()} == before
    snapshots = Trajectory(folder / "snapshots_568K" / "aa")
    assert len(snapshots) == 10
    assert next(iter(snapshots)).name == "90.gro, frame 0"
    # the same frames as in the trajectory, in gro's rounding (see the README there)
    np.testing.assert_allclose(
        next(iter(snapshots)).positions, next(trajectory.frames(9, 10)).positions, atol=0.0011
    )
