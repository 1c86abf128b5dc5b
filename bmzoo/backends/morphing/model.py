"""Morphing: a top-down model gets the local structure of another coarse-grained model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from bmzoo.backends.backmapper import Backmapper, Capabilities
from bmzoo.backends.checkpoints import read_config, topology_hash
from bmzoo.backends.config import build_config
from bmzoo.backends.inputs import BeadReader
from bmzoo.backends.loading import WEIGHTS, load_backmapper, weights_folder
from bmzoo.backends.morphing.config import MorphingConfig
from bmzoo.backends.morphing.ranges import Holder, Ranges
from bmzoo.backends.registry import get_backend
from bmzoo.backends.scaled import scale_of, scaled, stretched
from bmzoo.errors import InputError
from bmzoo.frames.frame import Frame, PairedFrames
from bmzoo.frames.lattice import box_volume
from bmzoo.molecules.beads import merge_consecutive
from bmzoo.molecules.topology import Topology

Floats = NDArray[np.float64]
GENERATOR = "generator."


class Morphing(Backmapper):
    """Beads merged and put back by a backmapper of the target (Stieffenhofer, thesis, 2022, ch. 7).

    The encoder e_s merges s consecutive beads into their centre of mass; g_s, any backmapper trained on
    the target's own pairs (e_s(y), y), puts beads back. Applied to e_s(x) of another model it keeps what is
    larger than s beads and makes what is smaller as in the target.
    """

    name = "morphing"
    capabilities = Capabilities(periodic=True, generative=True, fitting="library", keeps_beads=False)
    Config = MorphingConfig

    def __init__(self, topology: Topology, config: BaseModel | None = None) -> None:
        super().__init__(topology, config)
        if topology.n_atoms != topology.n_beads:
            raise InputError(
                f"'morphing' turns beads into as many beads, but {topology.graph.name} has "
                f"{topology.n_beads} beads for {topology.n_atoms} particles; give it the topology of a "
                "coarse-grained model, such as the system 'kg'"
            )
        self.settings = cast(MorphingConfig, self.config)
        self.encoder = merge_consecutive(
            topology.graph, self.settings.s, short_ends=self.settings.short_ends, alike=True
        )
        self.merged = replace(topology, mapping=self.encoder)
        self._generator: Backmapper | None = None
        self._ranges: Ranges | None = None
        self._density: float | None = None
        self._known: tuple[int, ...] = ()

    def fit(self, pairs: Iterable[PairedFrames], *, seed: int = 0) -> None:
        """Takes density and ranges from the target's frames, and its generator.

        A generator that is trained brings its weights; one that looks things up gets the target's frames.

        Raises:
            InputError: no frames, or no weights of the generator that fit.
        """
        read = BeadReader(self.topology)
        frames = [pair.atomistic for pair in pairs]
        if not frames:
            raise InputError("'morphing' was given no frames of the target")
        molecules = [read(frame) for frame in frames]
        boxes = [None if f.box is None else np.asarray(f.box, dtype=np.float64) for f in frames]
        self._ranges = Ranges.of(molecules, boxes, self.topology, self.settings.tail)
        boxed = [frame for frame in frames if frame.box is not None]
        if boxed:
            self._density = float(np.mean([len(f) / box_volume(np.asarray(f.box)) for f in boxed]))
        chosen = get_backend(self.settings.generator)
        library = None
        if chosen.capabilities.fitting == "library" and self.settings.weights is None:
            library = self._encoded(frames, molecules)
        # on top of its weights' own
        changes = [f"{key}={json.dumps(value)}" for key, value in self.settings.settings.items()]
        self._generator = load_backmapper(
            self.settings.generator,
            self.merged,
            weights=self.settings.weights,
            settings=changes,
            library=library,
            seed=seed,
        )
        self._known = self._trained_for()
        self._check_known()
        # what is saved with the generator's arrays says how it was made, and needs no other weights
        self.settings.weights = None
        self.settings.settings = self._generator.config.model_dump(mode="json")

    def backmap(self, frames: Iterable[Frame], *, n_samples: int = 1, seed: int) -> Iterator[Frame]:
        """See :class:`Backmapper`; with ``rescale`` positions and boxes come out at the target's density.

        Raises:
            InputError: not fitted, a generator that has no scheme B, frames without a box to be rescaled.
        """
        generator, ranges = self._ready()
        read = BeadReader(self.topology)
        holder = Holder(self.merged, ranges, push=self.settings.push_apart)
        for frame in frames:
            fine = self._rescaled(frame.with_positions(read(frame).reshape(-1, 3)))
            merged = fine.with_positions(self.encoder.apply(fine.positions))
            for drawn in self._drawn(generator, fine, merged, n_samples, seed):
                yield self._held(holder, drawn, merged) if self.settings.hold_ranges else drawn

    def to(self, device: str) -> None:
        if self._generator is not None:
            self._generator.to(device)

    def state(self) -> dict[str, Any]:
        """The target's ranges and density, and what the generator keeps."""
        generator, ranges = self._ready()
        density = np.array(np.nan if self._density is None else self._density)
        inner = {GENERATOR + name: value for name, value in generator.state().items()}
        scale = np.array(scale_of(generator))
        known, short = np.array(self._known), np.array(self.settings.short_ends)
        own = {
            "ranges": ranges.as_array(),
            "density": density,
            "scale": scale,
            "s": known,
            "short_ends": short,
        }
        return own | inner

    def load_state(self, state: dict[str, Any]) -> None:
        """See :class:`Backmapper`.

        Raises:
            InputError: no weights of morphing, or settings that belong to another generator than theirs.
        """
        arrays = dict(state)
        try:
            self._ranges = Ranges.from_array(np.asarray(arrays.pop("ranges")))
            density, scale = (float(np.asarray(arrays.pop(k)).ravel()[0]) for k in ("density", "scale"))
            self._known = tuple(np.asarray(arrays.pop("s")).astype(int).ravel().tolist())
            short_ends = bool(arrays.pop("short_ends", False))
        except (KeyError, ValueError) as error:
            raise InputError("these are no weights of 'morphing'") from error
        self._density = density if np.isfinite(density) else None
        self._check_known()
        chosen, told = get_backend(self.settings.generator), self.settings
        foreign = set(told.settings) - set(chosen.Config.model_fields)
        if foreign or told.weights is not None or told.short_ends != short_ends:
            raise InputError(
                "these weights of 'morphing' hold their generator: generator, weights and short_ends cannot "
                "be changed; give frames of the target (--library) for another one"
            )
        generator = chosen(self.merged, build_config(chosen.Config, self.settings.settings))
        self._generator = scaled(generator, scale)
        self._generator.load_state({name.removeprefix(GENERATOR): v for name, v in arrays.items()})

    def _trained_for(self) -> tuple[int, ...]:
        """How many merged beads the generator puts back; one set of weights may serve several numbers."""
        if self.settings.weights is None:
            return (self.settings.s,)
        folder = Path(self.settings.weights)
        if not folder.is_dir():
            folder = WEIGHTS / self.settings.generator / self.settings.weights
        made = read_config(weights_folder(folder))
        hashes = {made.get("topology"), *made.get("also", ())}
        graph, short = self.topology.graph, self.settings.short_ends
        wanted = {
            s: replace(self.topology, mapping=merge_consecutive(graph, s, short_ends=short, alike=True))
            for s in range(2, graph.n_atoms + 1)
        }
        return tuple(s for s, merged in wanted.items() if topology_hash(merged) in hashes)

    def _check_known(self) -> None:
        if self.settings.s not in self._known:
            *others, last = map(str, self._known or ("another number of",))
            known = f"{', '.join(others)} or {last}" if others else last
            raise InputError(
                f"the weights of morphing's generator put back {known} merged beads of this chain, not "
                f"{self.settings.s}; set s to that, or take another generator"
            )

    def _ready(self) -> tuple[Backmapper, Ranges]:
        if self._generator is None or self._ranges is None:
            raise InputError(
                "'morphing' knows no target yet; give frames of the target (--library), or saved weights"
            )
        return self._generator, self._ranges

    def _encoded(self, frames: list[Frame], molecules: list[Floats]) -> Iterator[PairedFrames]:
        for frame, whole in zip(frames, molecules, strict=True):
            fine = frame.with_positions(whole.reshape(-1, 3))
            yield PairedFrames(fine.with_positions(self.encoder.apply(fine.positions)), fine)

    def _rescaled(self, frame: Frame) -> Frame:
        if not self.settings.rescale or self._density is None:
            return frame
        if frame.box is None:
            raise InputError(
                f"{frame.name or f'frame {frame.index}'} has no box, so that its density is unknown; "
                "bring it to the target's lengths yourself and set rescale=false"
            )
        density = len(frame) / box_volume(np.asarray(frame.box))
        return stretched(frame, (density / self._density) ** (1 / 3))

    def _drawn(
        self, generator: Backmapper, fine: Frame, merged: Frame, n_samples: int, seed: int
    ) -> Iterator[Frame]:
        if self.settings.scheme == "A":
            yield from generator.backmap([merged], n_samples=n_samples, seed=seed)
            return
        for sample in range(n_samples):
            pair = PairedFrames(replace(merged, sample=sample), replace(fine, sample=sample))
            yield from generator.redraw([pair], sweeps=self.settings.sweeps, seed=seed)

    def _held(self, holder: Holder, drawn: Frame, merged: Frame) -> Frame:
        atoms = np.asarray(drawn.positions, dtype=np.float64).reshape(-1, self.merged.n_atoms, 3)
        beads = np.asarray(merged.positions, dtype=np.float64).reshape(-1, self.merged.n_beads, 3)
        # a generator may have put a molecule at another image
        shift = (self.encoder.apply(atoms.reshape(-1, 3)).reshape(beads.shape) - beads).mean(axis=1)
        box = None if merged.box is None else np.asarray(merged.box, dtype=np.float64)
        if box is not None:
            atoms = atoms - (np.rint(shift @ np.linalg.inv(box)) @ box)[:, None]
        return drawn.with_positions(holder(atoms, beads, self.settings.iterations, box).reshape(-1, 3))
