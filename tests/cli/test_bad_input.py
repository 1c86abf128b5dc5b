"""Bad input: one clear sentence, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from bmzoo.frames.beads import write_beads
from bmzoo.frames.trajectory import read_frames, write_frames
from bmzoo.systems import load_system

Run = Callable[..., Result]

GRO = "beads\n{n:5d}\n{lines}{box}\n"


def gro(path: Path, n: int, *, nan: bool = False, box: str = "   3.0   3.0   3.0") -> Path:
    lines = "".join(
        f"    1ADP     B{k + 1}{k + 1:5d}{'     nan' if nan else f'{0.1 * k:8.3f}'}{0.5:8.3f}{0.5:8.3f}\n"
        for k in range(n)
    )
    path.write_text(GRO.format(n=n, lines=lines, box=box))
    return path


def refuses(run: Run, folder: Path, *words: object, saying: str) -> Result:
    """The command refuses in one sentence, and leaves the folder as it was."""
    before = sorted(folder.rglob("*"))
    found = run(*words)
    assert found.exit_code == 2, found.output
    assert "Traceback" not in found.output
    assert saying.lower() in found.output.lower(), found.output
    assert len(found.stderr.strip().splitlines()) <= 2 or "Usage" in found.stderr
    assert sorted(folder.rglob("*")) == before
    return found


def backmap(cg: Path, output: Path, *more: object) -> tuple[object, ...]:
    return ("backmap", cg, "--system", "adp", "-b", "geometric", "-o", output, *more)


def test_missing_trajectory(run: Run, tmp_path: Path) -> None:
    refuses(run, tmp_path, *backmap(tmp_path / "no.gro", tmp_path / "a.gro"), saying="no.gro")


def test_truncated_gro(run: Run, tmp_path: Path) -> None:
    cg = gro(tmp_path / "cg.gro", 6)
    cg.write_text("\n".join(cg.read_text().splitlines()[:5]) + "\n")
    refuses(run, tmp_path, *backmap(cg, tmp_path / "a.gro"), saying="cg.gro")


def test_truncated_xtc(run: Run, beads: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.xtc"
    cut.write_bytes(beads.read_bytes()[: int(beads.stat().st_size * 0.9)])
    refuses(run, tmp_path, *backmap(cut, tmp_path / "a.xtc"), saying="cut.xtc")


def test_empty_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.xtc").touch()
    refuses(run, tmp_path, *backmap(tmp_path / "empty.xtc", tmp_path / "a.gro"), saying="empty.xtc")


def test_nan(run: Run, tmp_path: Path) -> None:
    cg = gro(tmp_path / "cg.gro", 6, nan=True)
    refuses(run, tmp_path, *backmap(cg, tmp_path / "a.gro"), saying="cg.gro")


def test_wrong_bead_count(run: Run, tmp_path: Path) -> None:
    refuses(run, tmp_path, *backmap(gro(tmp_path / "cg.gro", 7), tmp_path / "a.gro"), saying="7 beads")


def test_wrong_atom_count(run: Run, tmp_path: Path) -> None:
    words = ("coarse-grain", gro(tmp_path / "cg.gro", 7), "--system", "adp", "-o", tmp_path / "b.gro")
    refuses(run, tmp_path, *words, saying="7 atoms")


def test_no_box_where_one_is_needed(run: Run, tmp_path: Path) -> None:
    cg = gro(tmp_path / "cg.gro", 20, box="   0.0   0.0   0.0")
    words = ("backmap", cg, "-s", "sps", "-b", "geometric", "-r", "thermalise", "-o", tmp_path / "a.gro")
    refuses(run, tmp_path, *words, saying="box")


def test_a_cutoff_larger_than_the_box_allows(run: Run, tmp_path: Path) -> None:
    cg = gro(tmp_path / "cg.gro", 20, box="   1.5   1.5   1.5")
    words = ("backmap", cg, "-s", "sps", "-b", "geometric", "-r", "thermalise", "-o", tmp_path / "a.gro")
    refuses(run, tmp_path, *words, saying="cutoff")


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (("--system", "spz"), "did you mean 'sps'"),
        (("--system", "sps:300K"), "unknown state"),
        (("--system", "adp", "-b", "geometrik"), "did you mean 'geometric'"),
        (("--system", "adp", "-b", "geometric", "--set", "kikc=1"), "kick"),
        (("--system", "adp", "-b", "geometric", "--refine", "thermalize"), "thermalise"),
        (("--system", "adp", "-b", "geometric", "--samples", "0"), "at least 1"),
        (("--system", "adp", "-b", "geometric", "--device", "gpu"), "unknown device"),
        (("--system", "adp", "-b", "geometric", "--weights", "x"), "weights"),
        (("--system", "adp", "-b", "geometric", "--start", "50"), "no frames"),
        ((), "--system"),
        (("--topology", "no.itp"), "--mapping"),
        (("--topology", "no.itp", "--mapping", "no.map"), "no.itp"),
        (("--system", "adp", "--mapping", "no.map"), "not both"),
    ],
)
def test_backmap_options(run: Run, tmp_path: Path, words: tuple[str, ...], saying: str) -> None:
    cg = gro(tmp_path / "cg.gro", 6)
    refuses(run, tmp_path, "backmap", cg, "-o", tmp_path / "a.gro", *words, saying=saying)


@pytest.mark.parametrize("name", ["no/such/folder/a.gro", "a.docx"])
def test_unwritable_output(run: Run, tmp_path: Path, name: str) -> None:
    cg = gro(tmp_path / "cg.gro", 6)
    refuses(run, tmp_path, *backmap(cg, tmp_path / name), saying=Path(name).name.split(".")[1])


MAPPINGS = {
    "unknown atom": ("beads:\n  - {name: A, atoms: [C1, C9]}\n", "C9"),
    "bead without atoms": ("beads:\n  - {name: A, atoms: []}\n", "A"),
    "unknown key": ("beadz:\n  - {name: A, atoms: [C1]}\n", "beads"),
}


@pytest.mark.parametrize("kind", MAPPINGS)
def test_mappings(run: Run, tmp_path: Path, kind: str) -> None:
    text, saying = MAPPINGS[kind]
    (tmp_path / "mol.smi").write_text("CC ethane\n")
    (tmp_path / "mol.yaml").write_text(f"molecule: ethane\n{text}")
    cg = gro(tmp_path / "cg.gro", 1)
    refuses(
        run, tmp_path, "backmap", cg, "--topology", tmp_path / "mol.smi", "--mapping", tmp_path / "mol.yaml",
        "-b", "geometric", "-o", tmp_path / "a.gro", saying=saying,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (("--systems", "adp,spz"), "did you mean 'sps'"),
        (("--systems", "adp", "--backends", "fragment"), "did you mean 'fragments'"),
        (("--systems", "adp", "--frames", "1"), "at least 2 frames"),
        (("--systems", "adp", "--refine", "boil"), "boil"),
        (("--systems", "adp,cln", "--data", "x"), "one system"),
        (("--systems", "adp", "--data", "no-such-folder"), "provenance.json"),
        (("--systems", ""), "at least one system"),
    ],
)
def test_benchmark_options(run: Run, tmp_path: Path, words: tuple[str, ...], saying: str) -> None:
    refuses(run, tmp_path, "benchmark", "--output", tmp_path / "out", *words, saying=saying)


def test_benchmark_never_overwrites(run: Run, tmp_path: Path) -> None:
    words = ("benchmark", "--systems", "adp", "--output", tmp_path)
    refuses(run, tmp_path, *words, saying="exists already")


@pytest.mark.parametrize(
    ("words", "saying"), [(("ad",), "did you mean 'adp'"), (("adp", "--preset", "large"), "unknown preset")]
)
def test_data_build(run: Run, tmp_path: Path, words: tuple[str, ...], saying: str) -> None:
    refuses(run, tmp_path, "data", "build", *words, "--output", tmp_path / "new", saying=saying)


def test_import_of_something_else(run: Run, tmp_path: Path) -> None:
    refuses(run, tmp_path, "data", "import-deepbm", tmp_path, "--output", tmp_path / "new", saying="aa.xtc")


def test_evaluate_needs_files_that_fit(run: Run, atoms: Path, tmp_path: Path) -> None:
    words = ("evaluate", gro(tmp_path / "cg.gro", 6), "--reference", atoms, "--system", "adp", "--stop", 4)
    refuses(run, tmp_path, *words, saying="6 atoms")


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (("simulate-cg", "adp", "--replicas", "0"), "--replicas must be at least 1"),
        (("simulate-cg", "adp", "--replicas", "1", "--start", "999999"), "--start frames must be from 0 to"),
        (("simulate-cg", "adp", "--output", "beads.txt"), "choose one of .npz"),
        (("data", "invert", "--system", "octane", "--mirror", "X=Y"), "no type of bead"),
        (("data", "invert", "--system", "octane", "--cutoff", "9"), "reaches half of the box"),
        (("data", "build", "kg", "--preset", "large"), "unknown preset"),
    ],
)
def test_refused_before_any_progress(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], saying: str
) -> None:
    monkeypatch.chdir(tmp_path)
    output = () if "--output" in words else ("--output", "new.npz")
    found = refuses(run, tmp_path, *words, *output, saying=saying)
    assert len(found.stderr.splitlines()) == 1


def lines_of(path: Path, order: list[int]) -> None:
    """Writes the particles of a gro file in another order."""
    title, count, *particles, box = path.read_text().splitlines()
    path.write_text("\n".join([title, count, *(particles[k] for k in order), box]) + "\n")


def test_particles_in_another_order(run: Run, atoms: Path, tmp_path: Path) -> None:
    md, cg = tmp_path / "md.gro", tmp_path / "cg.gro"
    mapped = tmp_path / "b.gro"
    words = ("--system", "adp", "--output")
    frame = next(read_frames(atoms))
    write_frames(md, [frame], load_system("adp").topology.graph)
    assert run("coarse-grain", md, *words, cg).exit_code == 0
    lines_of(md, [1, 0, *range(2, 22)])
    refuses(run, tmp_path, "coarse-grain", md, *words, mapped, saying="the topology has")
    lines_of(cg, [5, 1, 2, 3, 4, 0])
    refuses(run, tmp_path, *backmap(cg, tmp_path / "a.gro"), saying="bring the particles into")
    cg.write_text(cg.read_text().replace("ADP      C", "ADP     QQ"))  # names of one's own are fine
    assert run(*backmap(cg, tmp_path / "a.gro")).exit_code == 0
    found = refuses(run, tmp_path, *backmap(atoms, mapped, "--structure", md), saying="22 beads")
    assert "backmapping" not in found.output


def test_an_input_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    cg = gro(tmp_path / "cg.1.gro", 6)
    text = cg.read_text()
    refuses(run, tmp_path, *backmap(cg, cg), saying="is an input")
    refuses(run, tmp_path, *backmap(cg, tmp_path / "cg.gro", "--samples", 2), saying="is an input")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    refuses(run, tmp_path, *backmap(cg, tmp_path / "link" / "cg.1.gro"), saying="is an input")
    assert cg.read_text() == text


@pytest.mark.parametrize(
    ("more", "saying"),
    [
        (("--step", "0"), "must not be 0"),
        (("--seed", "-1"), "--seed"),
        (("--library", "cg.gro"), "looks nothing up"),
        (("--output", "x" * 300 + ".gro"), "too long"),
    ],
)
def test_more_backmap_options(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], saying: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refuses(run, tmp_path, *backmap(gro(tmp_path / "cg.gro", 6), tmp_path / "a.gro", *more), saying=saying)


@pytest.mark.parametrize("box", ["   nan   nan   nan", "   3.0   3.0   0.0"])
def test_boxes_that_are_none(run: Run, tmp_path: Path, box: str) -> None:
    refuses(
        run, tmp_path, *backmap(gro(tmp_path / "cg.gro", 6, box=box), tmp_path / "a.gro"), saying="cg.gro"
    )


def test_a_number_of_atoms_that_no_file_holds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cg.gro").write_text("title\n99999999999\n 1 2 3\n")
    refuses(run, tmp_path, *backmap(tmp_path / "cg.gro", tmp_path / "a.gro"), saying="cut short")


def test_one_line_whatever_the_file_holds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cg.gro").write_bytes(b"t\n" + bytes(range(128)) * 20)
    found = refuses(
        run, tmp_path, *backmap(tmp_path / "cg.gro", tmp_path / "a.gro"), saying="number of atoms"
    )
    assert len(found.stderr.splitlines()) == 1
    assert found.stderr.strip().isprintable()


@pytest.mark.parametrize("change", ["cut", "flipped", "words"])
def test_damaged_bead_trajectories(run: Run, tmp_path: Path, change: str) -> None:
    path = tmp_path / "cg.npz"
    write_beads(path, np.random.default_rng(0).normal(scale=0.1, size=(20, 6, 3)), np.arange(20.0))
    data = bytearray(path.read_bytes())
    if change == "cut":
        path.write_bytes(data[:300])
    elif change == "flipped":
        for place in range(60, 90):
            data[place] ^= 255
        path.write_bytes(data)
    else:
        np.savez(path, positions=np.full((2, 6, 3), "x"), times=np.array(["a", "b"]), resolution=[1, 2])
    refuses(run, tmp_path, *backmap(path, tmp_path / "a.gro"), saying="no bead trajectory")


@pytest.mark.parametrize(
    ("name", "content", "saying"),
    [
        ("mol.smi", b"CC ethane\nCO methanol\n", "2 lines"),
        ("mol.smi", b"\xff\xfe", "not a text file"),
        ("mol.yaml", b"beads:\n  - {name: A, atoms: [C1]}\nbeads: []\n", "line 3: this is not YAML: the key"),
        ("mol.yaml", b"beads:\n\t- {name: A}\n", "line 2"),
        ("settings.yaml", b"kick: 0.1\nkick: 0.2\n", "stands twice"),
        ("settings.yaml", b"kick:\t0.1\n\tb: 1\n", "blanks instead of tabs"),
    ],
)
def test_files_of_one_s_own(run: Run, tmp_path: Path, name: str, content: bytes, saying: str) -> None:
    (tmp_path / "mol.smi").write_text("CC ethane\n")
    (tmp_path / "mol.yaml").write_text("beads:\n  - {name: A, atoms: [C1, C2]}\n")
    (tmp_path / "settings.yaml").write_text("{}")
    (tmp_path / name).write_bytes(content)
    words = ("--topology", tmp_path / "mol.smi", "--mapping", tmp_path / "mol.yaml", "-b", "geometric")
    words += ("--config", tmp_path / "settings.yaml", "-o", tmp_path / "a.gro")
    refuses(run, tmp_path, "backmap", gro(tmp_path / "cg.gro", 1), *words, saying=saying)


@pytest.mark.parametrize("content", ['{"schema": 1}', '{"schema": 1, "rows": [{"a": 1}]}', "[]", ""])
def test_compare_something_else(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    refuses(run, tmp_path, "compare", tmp_path, tmp_path, saying="is no results.json")


def test_a_record_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "beads.json").write_text("{}")
    words = ("simulate-cg", "adp", "--replicas", 1, "--frames", 1, "-o", tmp_path / "beads.npz")
    refuses(run, tmp_path, *words, saying="beads.json exists already")


def test_settings_that_nothing_reads(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("backend: temporal_cvae\nsystem: adp\nsettings: {modes: 20}\n")
    words = ("train", tmp_path / "run.yaml", "-o", tmp_path / "run")
    refuses(run, tmp_path, *words, saying="belongs to 'network: beads'")


def test_a_score_that_is_none_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("backend: temporal_cvae\nsystem: adp\ntraining: {score: foo}\n")
    refuses(run, tmp_path, "train", tmp_path / "run.yaml", "-o", tmp_path / "run", saying="unknown score")


def test_a_force_field_is_not_fitted_for_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refuses(run, tmp_path, "train-cg", "adp", "-o", tmp_path / "file" / "out", saying="cannot write to")


@pytest.mark.parametrize(
    "words", [("--excluded", "-1"), ("--spans", "-1"), ("--skip-ends", "-1"), ("--cutoff", "nan")]
)
def test_an_inversion_that_was_begun_is_not_lost(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / ".inv.work").mkdir()
    (tmp_path / ".inv.work" / "kept").touch()
    command = ("data", "invert", "--system", "octane", "-o", str(tmp_path / "inv"), *words)
    refuses(run, tmp_path, *command, saying=words[0])
