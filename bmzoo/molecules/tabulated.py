"""Coarse-grained potentials as tables, by classes of bead types: what inversion makes and engines read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmzoo.errors import InputError
from bmzoo.molecules.graph import MolecularGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[str, ...]
FORMAT, VERSION = "bmzoo-tables", 1
BONDED = ("bonds", "angles", "dihedrals", "spans")
KINDS = (*BONDED, "pairs")
"""Kinds of terms."""


@dataclass(frozen=True, eq=False)
class Table:
    """Energies (kJ/mol) at evenly spaced distances (nm) or angles (radian) from ``start`` to ``stop``."""

    start: float
    stop: float
    energies: Floats

    @property
    def grid(self) -> Floats:
        return np.linspace(self.start, self.stop, len(self.energies))


@dataclass(frozen=True, eq=False)
class TabulatedModel:
    """Potentials of a coarse-grained model, for any molecule made of the same types of beads.

    Attributes:
        bonds, angles, dihedrals: by types along the chain, in the canonical form of :meth:`classify`.
        spans: of the distance between the ends of stretches of the chain, by all types of the stretch. Beads
            4 bonds apart feel what dihedrals do together, which no potential of one dihedral knows.
        pairs: non-bonded, by :meth:`kind`; beyond its last point a potential is zero.
        excluded: beads up to so many bonds apart have no non-bonded interaction.
        mirror: types that are mirror images of one another (``A1: A2``), both ways: they share their
            potentials, that of a dihedral with the sign of the angle turned.
        temperature: K that the tables were made at.
        source: what they were made from.
    """

    bonds: dict[Key, Table]
    angles: dict[Key, Table]
    dihedrals: dict[Key, Table]
    pairs: dict[Key, Table]
    excluded: int
    temperature: float
    spans: dict[Key, Table] = field(default_factory=dict)
    mirror: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    def classify(self, types: Sequence[str]) -> tuple[Key, int]:
        """See :func:`classify`."""
        return classify(types, self.mirror)

    def kind(self, bead_type: str) -> str:
        """See :func:`kind_of`."""
        return kind_of(bead_type, self.mirror)

    def table(self, what: str, key: Key) -> Table:
        """The potential of a class of terms.

        Raises:
            InputError: if there is none.
        """
        tables: dict[Key, Table] = getattr(self, what)
        if key not in tables:
            raise InputError(f"the model has no potential for the {what} {'-'.join(key)}")
        return tables[key]

    @property
    def reach(self) -> int:
        """Bonds between the ends of spans; 0 without any."""
        return max((len(key) - 1 for key in self.spans), default=0)

    @property
    def cutoff(self) -> float:
        """nm, of the non-bonded potentials."""
        return max(table.stop for table in self.pairs.values())

    def save(self, path: str | Path) -> None:
        """Writes JSON, energies to 1e-5 kJ/mol."""
        tables = {
            what: {
                "-".join(key): {
                    "start": table.start,
                    "stop": table.stop,
                    "energies": np.round(table.energies, 5).tolist(),
                }
                for key, table in getattr(self, what).items()
            }
            for what in KINDS
        }
        rest = {k: getattr(self, k) for k in ("excluded", "temperature", "source")}
        content = {"format": FORMAT, "version": VERSION, **rest, "mirror": dict(self.mirror), **tables}
        Path(path).write_text(json.dumps(content) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> TabulatedModel:
        """Reads what :meth:`save` wrote.

        Raises:
            InputError: no such file, or no such tables in it.
        """
        try:
            data: Any = json.loads(Path(path).read_text())
            if data["format"] != FORMAT or data["version"] != VERSION:
                raise KeyError("format")
            content: dict[str, Any] = {
                what: {
                    tuple(key.split("-")): Table(t["start"], t["stop"], np.array(t["energies"]))
                    for key, t in data.get(what, {}).items()
                }
                for what in KINDS
            }
            content |= {key: data[key] for key in ("excluded", "temperature", "mirror", "source")}
            return cls(**content)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} holds no tables of 'bmzoo data invert' ({error!r})") from error


def classify(types: Sequence[str], mirror: Mapping[str, str]) -> tuple[Key, int]:
    """The class of a term: the same read from either end and for mirror images.

    Returns:
        Its key, and -1 where it is that of the mirror image, whose dihedral angles have the other sign.
    """
    own = tuple(types)
    image = tuple(mirror.get(t, t) for t in own)
    return min((own, 1), (own[::-1], 1), (image, -1), (image[::-1], -1), key=lambda c: (c[0], -c[1]))


def kind_of(bead_type: str, mirror: Mapping[str, str]) -> str:
    """What a bead is in non-bonded potentials: a type and its mirror image are one kind."""
    return min(bead_type, mirror.get(bead_type, bead_type))


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms of one kind in one molecule.

    Attributes:
        keys: classes that occur.
        beads: ``(n, 2 to 4)``, of spans one more than the bonds between their ends.
        classes: ``(n,)`` number in ``keys``.
        signs: ``(n,)`` -1 where the angle of a dihedral counts with the other sign.
    """

    keys: tuple[Key, ...]
    beads: Ints
    classes: Ints
    signs: Ints


def terms_of(graph: MolecularGraph, mirror: Mapping[str, str], what: str, bonds_apart: int = 4) -> Terms:
    """The ``bonds``, ``angles``, ``dihedrals`` or ``spans`` of a molecule of beads by class.

    Args:
        bonds_apart: of the ends of spans.
    """
    paths = stretches(graph, bonds_apart) if what == "spans" else getattr(graph, what)
    found = [classify([graph.types[i] for i in row], mirror) for row in paths.tolist()]
    keys = tuple(sorted({key for key, _ in found}))
    number = {key: k for k, key in enumerate(keys)}
    classes = np.array([number[key] for key, _ in found], dtype=np.int64)
    return Terms(keys, paths, classes, np.array([sign for _, sign in found], dtype=np.int64))


def stretches(graph: MolecularGraph, n_bonds: int) -> Ints:
    """``(n, n_bonds + 1)`` all paths of so many bonds that meet no bead twice, each from one end."""
    paths: list[tuple[int, ...]] = [(i,) for i in range(graph.n_atoms)]
    for _ in range(n_bonds):
        paths = [(*path, n) for path in paths for n in graph.neighbours[path[-1]] if n not in path]
    return np.array([p for p in paths if p[0] < p[-1]], dtype=np.int64).reshape(-1, n_bonds + 1)
