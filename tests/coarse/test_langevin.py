"""BAOAB samples the right ensemble, and the same one for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from bmzoo.coarse.langevin import Langevin, State

K, KT = 1000.0, 2.5
MASSES = np.array([12.0, 40.0])


def run(seed: int, time_step: float, n_steps: int = 300) -> tuple[Langevin, list[State]]:
    """300 replicas of two harmonic beads."""
    langevin = Langevin(lambda x: -K * x, MASSES, KT, time_step, friction=5.0)
    rng = np.random.default_rng(seed)
    states = [langevin.start(np.zeros((300, 2, 3)), rng)]
    for _ in range(6):
        states.append(langevin.advance(states[-1], n_steps // 6, rng))
    return langevin, states


@pytest.mark.parametrize("time_step", [0.02, 0.1])
def test_harmonic_oscillator(time_step: float) -> None:
    """The frequency is 9.1 per ps: positions are right at steps of 0.2 and 0.9 of its inverse."""
    langevin, states = run(0, time_step)
    kept = states[3:]
    n = len(kept) * 300 * 3
    for bead in range(2):
        variance = np.mean([s.positions[:, bead].var() for s in kept])
        assert variance == pytest.approx(KT / K, rel=5 * (2 / n) ** 0.5)
    assert np.mean([langevin.temperatures(s.middle) for s in kept]) == pytest.approx(1, abs=5 / n**0.5)


def test_seeds() -> None:
    one, same, other = (run(seed, 0.02, 12)[1][-1].positions for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_without_friction_energy_is_kept() -> None:
    langevin = Langevin(lambda x: -K * x, MASSES, KT, 0.005, friction=1e-12)
    rng = np.random.default_rng(0)
    first = langevin.start(rng.normal(scale=0.05, size=(20, 2, 3)), rng)
    last = langevin.advance(first, 200, rng)

    def energy(s: State) -> np.ndarray:
        kinetic = 0.5 * (MASSES[:, None] * s.velocities**2).sum(axis=(1, 2))
        return kinetic + 0.5 * K * (s.positions**2).sum(axis=(1, 2))

    np.testing.assert_allclose(energy(last), energy(first), rtol=0.01)
