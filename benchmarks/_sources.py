"""Frames by the name of what made them: ``BACKEND`` or ``BACKEND+REFINEMENT``."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from _common import weights_label
from _scoring import PUBLISHED_NAMES, TestSet

import bmzoo
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame
from bmzoo.pipeline import generate
from bmzoo.simulation.refine import RefineSettings, make_refiner

REFERENCE = "reference"


@dataclass(frozen=True)
class Made:
    """Frames in the reference's order, and CPU seconds for each of them."""

    frames: list[Frame]
    cpu_seconds: float | None = None
    weights: str = ""


def make_frames(name: str, tests: TestSet, *, seed: int, threads: int) -> Made:
    """Frames of a backend with the weights that belong to the system, refined where asked.

    Raises:
        InputError: no such backend or refinement, or no weights.
    """
    if name == REFERENCE:
        return Made(tests.atoms)
    backend, _, refinement = name.partition("+")
    settings = replace(RefineSettings.parse(refinement or "none"), threads=threads)
    refiner = make_refiner(tests.system.topology, settings, seed=seed)
    model = bmzoo.load_backmapper(backend, tests.system)
    began = time.process_time()
    frames = list(generate(model, tests.coarse, seed=seed, refiner=refiner))
    label = weights_label(backend, None, tests.system)
    return Made(frames, (time.process_time() - began) / len(frames), "" if label == "none" else label)


def published(tests: TestSet) -> dict[str, Made]:
    """What the papers' authors made of the same frames, where these are at hand."""
    return {PUBLISHED_NAMES[name]: Made(frames) for name, frames in tests.published.items()}


def names(text: str) -> list[str]:
    """``a,b+minimise`` from the command line.

    Raises:
        InputError: none, or one twice.
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found or len(set(found)) < len(found):
        raise InputError(f"'{text}' should name backends, each once, such as fragments,geometric+minimise")
    return found
