import numpy as np
import pytest
from molecules import make_graph, make_mapping

from bmzoo.evaluation.evaluate import Evaluation
from bmzoo.evaluation.landscape import fit_tica, nearest_basin
from bmzoo.frames.frame import Frame
from bmzoo.molecules.topology import Topology
from bmzoo.systems.system import Landscape


def test_basins_are_nearest_on_the_torus() -> None:
    surface = np.array([[-155.0, 160.0], [179.0, -178.0], [-60.0, -40.0], [60.0, 40.0], [-75.0, 140.0]])
    assert nearest_basin(surface).tolist() == [0, 0, 3, 4, 1]


def walker(seed: int, n_frames: int = 600) -> list[Frame]:
    """A chain of four carbons that opens and closes slowly, with noise."""
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random(n_frames) < 0.01) % 2
    frames = []
    for i, is_open in enumerate(state):
        x = np.zeros((5, 3))
        x[:, 0] = np.arange(5) * (0.38 if is_open else 0.3)
        frames.append(Frame(x + 0.02 * rng.normal(size=x.shape), index=i))
    return frames


def test_slow_components_and_clusters() -> None:
    topology = Topology(make_graph(["C"] * 5, [(i, i + 1) for i in range(4)]), make_mapping([0] * 5, []))
    landscape = Landscape("tica_ca", ((0, 1, 2, 3, 4),), lag=5)
    evaluation = Evaluation(topology, landscape=landscape, families=["landscape"])
    reference = walker(1)
    same = evaluation.run(reference, reference).scores
    assert same["landscape/cluster_agreement"].value == 1
    closed = [Frame(np.array(reference[0].positions) + 0.0, index=i) for i in range(600)]
    collapsed = evaluation.run(reference, closed).scores
    assert collapsed["landscape/tica_jsd"].value > same["landscape/tica_jsd"].value
    assert collapsed["landscape/cluster_agreement"].value < 0.5


def test_the_slow_component_is_found() -> None:
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.integers(0, 2, 20), 50)
    rows = np.stack([np.arange(1000), slow + 0.05 * rng.normal(size=1000), rng.normal(size=1000)], axis=1)
    found = fit_tica(rows, 5)(rows[:, 1:])
    assert abs(np.corrcoef(found[:, 0], slow)[0, 1]) == pytest.approx(1, abs=0.02)
