"""How weights of the losses change with the step."""

from __future__ import annotations

import math

from bmzoo.backends.temporal_cvae.config import TemporalCVAEConfig

MIDDLE, STEEPNESS = 0.25, 24.0
"""Of the sigmoid, in cycles: it is at 0.2 % where a cycle begins and at 99.8 % in its middle."""


def beta(step: int, config: TemporalCVAEConfig) -> float:
    """Weight of the Kullback-Leibler term.

    Cyclic annealing: Fu et al., NAACL 2019, here with a sigmoid rise in the first half of a cycle.
    """
    if config.beta_schedule == "constant" or step >= config.beta_cycle * config.beta_cycles:
        return config.beta
    place = step % config.beta_cycle / config.beta_cycle
    return config.beta / (1 + math.exp(-STEEPNESS * (place - MIDDLE)))


def energy_weight(step: int, config: TemporalCVAEConfig) -> float:
    """Weight of the energies: zero, then exponentially from ``energy_first`` to ``energy_weight``."""
    if not config.energy_weight or step < config.energy_start:
        return 0.0
    place = min(1.0, (step - config.energy_start) / config.energy_ramp)
    return config.energy_first * (config.energy_weight / config.energy_first) ** place
