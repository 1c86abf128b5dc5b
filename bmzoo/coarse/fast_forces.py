"""The forces of a coarse-grained force field by hand, in numpy, replicas along the last axis.

With tens of replicas of a few beads, dynamics is bound by the overhead of single operations: what autograd
does in some hundred of torch's takes several times as long. A test holds both to the same forces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmzoo.coarse.force_field import CoarseForceField
from bmzoo.coarse.priors import HARMONIC, STRAIGHT
from bmzoo.coarse.terms import EXPONENT

Floats = NDArray[np.float32]


class FastForces:
    """Called with positions ``(n_replicas, n_beads, 3)`` nm; returns forces of that shape, kJ/mol/nm."""

    def __init__(self, model: CoarseForceField) -> None:
        tensors = {k: v.detach().numpy() for k, v in [*model.named_parameters(), *model.named_buffers()]}
        self.w = {k: np.ascontiguousarray(v)[..., None] for k, v in tensors.items()}
        self.m = {k: np.ascontiguousarray(v) for k, v in tensors.items() if v.ndim == 2}
        self.n_beads, self.scale, self.cutoff = model.n_beads, model.kt, model.delta.cutoff
        self.sharpness, self.n_layers = model.delta.sharpness, len(model.delta.layers)
        self.strengths = [self.w[f"priors.{name}_k"] for name in HARMONIC]
        self.widths = [np.sqrt(k / np.float32(model.kt)) for k in self.strengths]
        self.repulsion = np.float32(EXPONENT * model.kt)
        self._set_up_vectors(model)

    def _set_up_vectors(self, model: CoarseForceField) -> None:
        """One matrix from positions to all pair vectors, the sides of angles, and the steps of torsions."""
        c = model.priors.coordinates
        i, j = np.triu_indices(self.n_beads, 1)
        self.i, self.j = i, j
        number = {pair: k for k, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
        self.bonds, self.pairs = (
            np.array([number[min(a, b), max(a, b)] for a, b in rows.tolist()], dtype=np.int64)
            for rows in (c.bonds, c.pairs)
        )
        unit = np.eye(self.n_beads, dtype=np.float32)
        first = len(c.bonds) + len(c.pairs)
        rows = np.concatenate([unit[j] - unit[i], model.priors.differences.numpy()[first:]])
        counts = [len(i), len(c.angles), len(c.angles), *[len(c.torsions) + len(c.impropers)] * 3]
        self.differences, self.ends = rows, _slices(counts)
        self.from_i, self.from_j = np.ascontiguousarray(unit[i].T), np.ascontiguousarray(unit[j].T)
        sizes = [getattr(model.priors, f"{name}_k").shape[0] for name in HARMONIC]
        self.parts = _slices([*sizes, len(c.torsions), len(c.torsions)])
        self.n_torsions = len(c.torsions)
        self.order = np.arange(1, model.priors.torsions_cosine.shape[-1] + 1, dtype=np.float32)[:, None]

    def __call__(self, positions: Floats) -> Floats:
        n = len(positions)
        x = np.ascontiguousarray(positions.transpose(1, 2, 0)).reshape(self.n_beads, -1)
        vectors = (self.differences @ x).reshape(-1, 3, n)
        line, left, right, first, axis, last = (vectors[part] for part in self.ends)
        r = np.sqrt(_dot(line, line))
        theta, *bends = _bend(left, right)
        turn, *twists = _turn(first, axis, last)
        g_r, g_theta, g_turn = self._slopes(r, theta, turn)
        slopes = np.concatenate(
            [
                (g_r / r)[:, None] * line,
                *(g_theta[:, None] * g for g in bends),
                *(g_turn[:, None] * g for g in twists),
            ]
        )
        gradient = (self.differences.T @ slopes.reshape(len(slopes), -1)).reshape(self.n_beads, 3, n)
        return -gradient.transpose(2, 0, 1)

    def _slopes(self, r: Floats, theta: Floats, turn: Floats) -> tuple[Floats, Floats, Floats]:
        """Derivatives of the energy with respect to distances of all pairs, angles, and dihedrals."""
        w, n_torsions = self.w, self.n_torsions
        gaps = [
            r[self.bonds] - w["priors.bonds_centre"],
            theta - w["priors.angles_centre"],
            turn[n_torsions:] - w["priors.impropers_centre"],
        ]
        gaps[2] -= np.float32(2 * np.pi) * np.round(gaps[2] / np.float32(2 * np.pi))
        strengths, widths = self.strengths, self.widths
        phi = turn[:n_torsions]
        sine, cosine = np.sin(phi), np.cos(phi)
        coordinates = np.concatenate([*(g * s for g, s in zip(gaps, widths, strict=True)), sine, cosine])
        g_r, g_coordinates = self._network(r, coordinates)
        g_bonds, g_theta, g_impropers, g_sine, g_cosine = (g_coordinates[part] for part in self.parts)
        waves = phi[:, None] * self.order
        series = w["priors.torsions_sine"] * np.cos(waves) - w["priors.torsions_cosine"] * np.sin(waves)
        g_phi = (self.order * series).sum(1) + g_sine * cosine - g_cosine * sine
        g_r[self.bonds] += g_bonds * widths[0] + strengths[0] * gaps[0]
        near = r[self.pairs]
        g_r[self.pairs] -= self.repulsion * (w["priors.pairs_sigma"] / near) ** EXPONENT / near
        g_turn = np.concatenate([g_phi, g_impropers * widths[2] + strengths[2] * gaps[2]])
        return g_r, g_theta * widths[1] + strengths[1] * gaps[1], g_turn

    def _network(self, r: Floats, coordinates: Floats) -> tuple[Floats, Floats]:
        """Derivatives of the network's energy with respect to distances and scaled coordinates."""
        m, w = self.m, self.w
        n = r.shape[-1]
        offset = (r[:, None] - w["delta.centres"]) * np.float32(self.sharpness)
        basis = np.exp(-offset * offset)
        inside = np.maximum(1 - r * r / np.float32(self.cutoff**2), 0)
        reach = (inside * inside)[:, None]
        features = (m["delta.internal.weight"] @ coordinates).reshape(self.n_beads, -1, n)
        features += w["delta.embedding"]
        kept = []
        for k in range(self.n_layers):
            name = f"delta.layers.{k}"
            filters = np.matmul(m[f"{name}.filter.weight"], basis)
            source = np.matmul(m[f"{name}.source.weight"], features)
            passed = filters * reach
            heard = self._gather(passed * source[self.j], passed * source[self.i])
            hidden = np.tanh(np.matmul(m[f"{name}.update.0.weight"], heard) + w[f"{name}.update.0.bias"])
            features = features + np.matmul(m[f"{name}.update.2.weight"], hidden)
            features += w[f"{name}.update.2.bias"]
            kept.append((filters, source, passed, hidden))
        hidden = np.tanh(np.matmul(m["delta.readout.0.weight"], features) + w["delta.readout.0.bias"])
        weight = m["delta.readout.2.weight"].T * np.float32(self.scale)
        g = np.matmul(m["delta.readout.0.weight"].T, weight * (1 - hidden * hidden))
        g_reach, g_basis = np.zeros_like(r), np.zeros_like(basis)
        for k in reversed(range(self.n_layers)):
            name = f"delta.layers.{k}"
            filters, source, passed, hidden = kept[k]
            inner = np.matmul(m[f"{name}.update.2.weight"].T, g) * (1 - hidden * hidden)
            g_heard = np.matmul(m[f"{name}.update.0.weight"].T, inner)
            at_i, at_j = g_heard[self.i], g_heard[self.j]
            both = at_i * source[self.j] + at_j * source[self.i]
            g_reach += (both * filters).sum(1)
            g_basis += np.matmul(m[f"{name}.filter.weight"].T, both * reach)
            g = g + np.matmul(m[f"{name}.source.weight"].T, self._gather(at_j * passed, at_i * passed))
        g_r = (g_basis * basis * offset).sum(1) * np.float32(-2 * self.sharpness)
        g_r -= g_reach * inside * r * np.float32(4 / self.cutoff**2)
        return g_r, m["delta.internal.weight"].T @ g.reshape(-1, n)

    def _gather(self, to_i: Floats, to_j: Floats) -> Floats:
        """``(n_beads, width, n)`` sums over pairs of what goes to their first and second beads."""
        shape = to_i.shape
        summed = self.from_i @ to_i.reshape(shape[0], -1) + self.from_j @ to_j.reshape(shape[0], -1)
        return summed.reshape(self.n_beads, *shape[1:])


def _slices(counts: list[int]) -> list[slice]:
    ends = np.cumsum(counts).tolist()
    return [slice(end - count, end) for count, end in zip(counts, ends, strict=True)]


def _dot(a: Floats, b: Floats) -> Floats:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def _cross(a: Floats, b: Floats) -> Floats:
    found = np.empty_like(a)
    for k, (one, other) in enumerate(((1, 2), (2, 0), (0, 1))):
        found[:, k] = a[:, one] * b[:, other] - a[:, other] * b[:, one]
    return found


def _bend(left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
    """Angles between vectors and their gradients with respect to both."""
    a, b = np.sqrt(_dot(left, left)), np.sqrt(_dot(right, right))
    cosine = _dot(left, right) / (a * b)
    held = np.minimum(np.maximum(cosine, -STRAIGHT), STRAIGHT)
    slope = np.where(cosine == held, -1 / np.sqrt(1 - held * held), 0)
    one, other = (left / a[:, None], right / b[:, None])
    c = cosine[:, None]
    return (
        np.arccos(held),
        (slope / a)[:, None] * (other - c * one),
        (slope / b)[:, None] * (one - c * other),
    )


def _turn(first: Floats, axis: Floats, last: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Dihedrals and their gradients with respect to the three vectors.

    Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996).
    """
    before, after = _cross(first, axis), _cross(axis, last)
    length = np.sqrt(_dot(axis, axis))
    phi = np.arctan2(length * _dot(first, after), _dot(before, after))
    to_first, to_last = before / _dot(before, before)[:, None], after / _dot(after, after)[:, None]
    along = (_dot(first, axis) / length)[:, None], (_dot(last, axis) / length)[:, None]
    return (
        phi,
        length[:, None] * to_first,
        -(along[0] * to_first + along[1] * to_last),
        length[:, None] * to_last,
    )
