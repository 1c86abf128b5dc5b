"""What every score means: the one place that says it. ``docs/scores.md`` and the report repeat it."""

from __future__ import annotations

import re
from dataclasses import dataclass

RULE = """\
**One rule for values and floors.** The frames are cut into blocks, and the blocks are assigned
alternately to two halves: R1, R2 of the reference, G1, G2 of the generated frames. For everything that
compares two distributions,

- value = mean of d(G1, R2) and d(G2, R1),
- floor = d(R1, R2).

Both compare samples of the same size that share no frame, so a perfect method has a ratio of one, and
no method can be expected to do better. With fewer than four frames the blocks are molecules. Scores
that describe one ensemble (a count of clashes, a mean energy) have the reference's own value as their
floor. Standard errors come from a block bootstrap. Where several samples a frame are drawn,
distributions use the first; `ensemble` uses all."""

COST = """\
Cost stands in the row itself: `seconds` is the wall time for all samples of all frames, one process,
after a warm-up; a refined row includes the generation of what it refines. `peak_memory_mb` is the
largest resident memory of the process meanwhile."""


@dataclass(frozen=True)
class Definition:
    """One score, or several that are defined together.

    Attributes:
        key: short name, for links.
        pattern: regular expression for the whole name of a score, class labels in brackets left out.
        label: the names, as Markdown.
        text: the definition, as Markdown.
    """

    key: str
    pattern: str
    label: str
    text: str


DEFINITIONS = (
    Definition(
        "divergence",
        r"distributions/(bond|angle|proper|improper|dihedral)_jsd",
        "`distributions/angle_jsd`, `bond_`, `proper_`, `improper_`",
        (
            "Jensen-Shannon divergence (base 2, 0 to 1) of every class by atom types (`[C-C-H]`), 100 "
            "bins, angles 60 to 180 and dihedrals -180 to 180 degrees; the plain name is the mean over "
            "classes with the number of terms as weight; `dihedral_jsd` takes propers and impropers "
            "together"
        ),
    ),
    Definition(
        "wasserstein",
        r"distributions/(bond|angle|proper|improper)_w1",
        "`..._w1`",
        "Wasserstein-1, nm or degrees (on the circle for dihedrals)",
    ),
    Definition(
        "bond-rmse",
        r"distributions/bond_rmse(_constrained)?",
        "`distributions/bond_rmse`",
        (
            "root mean square error of bond lengths against each bond's mean in the reference; where the "
            "reference constrains bonds, a divergence of bond histograms says nothing"
        ),
    ),
    Definition(
        "chain-size",
        r"distributions/(end_to_end|gyration)_(jsd|w1)",
        "`distributions/end_to_end_*`, `gyration_*`",
        "distance of the two heavy atoms farthest apart along bonds; radius of gyration",
    ),
    Definition(
        "g-of-r",
        r"packing/g_(inter|intra)_(jsd|max_deviation)",
        "`packing/g_inter_*`, `g_intra_*`",
        (
            "g(r) by pair of elements between molecules, minimum image, normalised by the density of the "
            "box; distances within a molecule more than three bonds apart; JSD within 1 nm and largest "
            "deviation"
        ),
    ),
    Definition(
        "g-carbon",
        r"packing/g_cc_mean_abs",
        "`packing/g_cc_mean_abs`",
        "intermolecular C-C g(r), 100 bins to 1 nm, mean absolute difference",
    ),
    Definition(
        "energies",
        r"energetics/(?!equipartition).*",
        "`energetics/*`",
        (
            "the reference's own force field: Lennard-Jones energy of each molecule with everything "
            "around it, bonded energies, total; JSD and W1; `lj_tail`: share of molecules above the "
            "reference's 99.9 % quantile; `*_energy_per_atom`: median over frames"
        ),
    ),
    Definition(
        "equipartition",
        r"energetics/equipartition_.*",
        "`energetics/equipartition_*`",
        "mean angle, dihedral, improper energy over the reference's: 1 is right",
    ),
    Definition(
        "bead-forces",
        r"forces/bead_force_jsd",
        "`forces/bead_force_jsd`, `[A]`, `[A-B]`",
        (
            "forces of the reference's force field on atoms, without those of constrained bonds, summed over "
            "beads (an atom of several beads counts for each with its share): Jensen-Shannon divergence of "
            "their size by type of bead, and of their component along every bond to another bead, 60 bins "
            "over the reference's range; the plain name is the mean with the number of terms as weight"
        ),
    ),
    Definition(
        "cg-rmsd",
        r"consistency/cg_rmsd(_max)?",
        "`consistency/cg_rmsd`",
        "RMSD between M(generated) and the CG frame given, with the mapping's own weights",
    ),
    Definition(
        "clashes",
        r"validity/clashes_per_1000",
        "`validity/clashes_per_1000`",
        "non-bonded heavy atoms closer than 0.12 nm",
    ),
    Definition(
        "overlaps",
        r"validity/overlaps_per_1000",
        "`validity/overlaps_per_1000`",
        "non-bonded pairs whose van der Waals spheres overlap by more than 0.04 nm, hydrogen bonds left out",
    ),
    Definition(
        "close-contacts",
        r"validity/close_contacts_per_1000",
        "`validity/close_contacts_per_1000`",
        "heavy atoms closer than 0.8 of the sum of their van der Waals radii",
    ),
    Definition(
        "graph",
        r"validity/(graph_error|graph_recovered|bonds_broken|bonds_formed)",
        "`validity/graph_error`",
        (
            "bonds perceived from coordinates: sum over pairs of abs(A_generated - A_graph) over the "
            "number of bonds, that is, the symmetric difference; `graph_recovered`: share of molecules "
            "without any error; `bonds_broken`, `bonds_formed`: per 1,000 bonds"
        ),
    ),
    Definition(
        "stereo",
        r"validity/(stereocentres_kept|tacticity_racemic)",
        "`validity/stereocentres_kept`, `tacticity_racemic`",
        "share of centres with the right hand; share of racemic dyads",
    ),
    Definition(
        "rings",
        r"validity/(pierced_rings_per_1000|ring_planarity|cis_peptides)",
        "`validity/pierced_rings_per_1000`, `ring_planarity`, `cis_peptides`",
        (
            "a bond through a ring; rms distance of ring atoms from their plane; omega nearer to cis than"
            " to trans"
        ),
    ),
    Definition(
        "rmsd",
        r"ensemble/rmsd_.*",
        "`ensemble/rmsd_mean`, `rmsd_min`",
        (
            "RMSD to the reference atoms without superposition, mean and minimum over the samples; "
            "`rmsd_heavy_*` without hydrogens"
        ),
    ),
    Definition(
        "diversity",
        r"ensemble/diversity(_nm)?",
        "`ensemble/diversity`",
        (
            "spread of the samples of one CG frame over the reference's spread given the beads nearby, "
            "extrapolated to exact agreement of the beads, like atoms exchanged where they then lie nearer: "
            "1 is right, 0 collapse, above 1 noise; "
            "`diversity_nm`, without a ratio, where there are too few frames for it, or beads of a simulation"
        ),
    ),
    Definition(
        "c2st",
        r"detectability/c2st_auc(_internal|_soap)?",
        "`detectability/c2st_auc`",
        (
            "classifier two-sample test: area under the ROC curve of gradient boosting on internal "
            "coordinates and SOAP of local environments (a bead and its atoms), five folds split by "
            "frame; 0.5: nobody can tell. `_internal`, `_soap`: either alone. Constrained bonds are left "
            "out, they give anybody away"
        ),
    ),
    Definition(
        "landscape",
        r"landscape/.*",
        "`landscape/*`",
        (
            "JSD of populations on 50 x 50 bins of (phi, psi), or of the first two TICA components of the"
            " alpha-carbon distances (fitted on the reference alone); populations of basins or k-means "
            "clusters, and whether a frame stays in its own"
        ),
    ),
    Definition(
        "velocities",
        r"kinetics/(internal_)?(bead_)?velocity_w1",
        "`kinetics/velocity_w1`, `[heavy]`, `[hydrogen]`",
        (
            "displacement of every atom between successive frames over their interval, nm/ps; "
            "Wasserstein-1. `kinetics/internal_velocity_w1`: the same after superposing the earlier "
            "molecule on the later one by its heavy atoms, without the motion of whole molecules, which "
            "the beads give away. `kinetics/bead_velocity_w1`, `internal_bead_velocity_w1`: the same of the "
            "beads that the atoms give"
        ),
    ),
    Definition(
        "autocorrelation",
        r"kinetics/autocorrelation",
        "`kinetics/autocorrelation[side_chain]`, `[methyl]`",
        (
            "C(t) = <cos(phi(s + t) - phi(s))> of one dihedral for every rotatable side-chain bond and "
            "every methyl group; mean absolute difference over dihedrals and lags, which are spaced "
            "logarithmically up to half of the longest piece of trajectory. Hydrogens keep their names: "
            "drawn afresh for every frame, a methyl group has no memory"
        ),
    ),
    Definition(
        "timescales",
        r"kinetics/(relative_)?timescale(_error)?",
        "`kinetics/timescale[k]`, `relative_timescale[k]`",
        (
            "implied timescale of the k-th process of a Markov state model, ps, and over the slowest "
            "(coarse-grained dynamics are faster as a whole); floor: the reference's own, with its error "
            "in the note; `timescale_error[k]`: absolute natural logarithm of the ratio, by the rule of "
            "halves; beads of a simulation: only the slowest as it is, `relative_timescale_error[k]` of "
            "the others over it"
        ),
    ),
    Definition(
        "eigenvectors",
        r"kinetics/cosine(_all)?",
        "`kinetics/cosine[k]`, `cosine_all[k]`",
        (
            "cosine between eigenvectors of the symmetrised transition matrices, process by process in "
            "order of their timescales: 1 is right; halves against other halves (with a floor), and all "
            "frames against all"
        ),
    ),
    Definition(
        "chapman-kolmogorov",
        r"kinetics/chapman_kolmogorov",
        "`kinetics/chapman_kolmogorov`",
        (
            "mean absolute difference between predicted and estimated probabilities of staying in a "
            "metastable set (PCCA+ on the reference) after 1 to 4 lag times; floor: the reference's own"
        ),
    ),
)


def definition_of(score: str) -> Definition | None:
    """The definition of a score by its name (``family/observable[class]``); ``None`` if there is none."""
    name = score.split("[", 1)[0]
    return next((d for d in DEFINITIONS if re.fullmatch(d.pattern, name)), None)


def markdown_table() -> str:
    """The definitions as they stand in ``docs/scores.md``."""
    rows = [f"| {d.label} | {d.text} |" for d in DEFINITIONS]
    return "\n".join(["| score | definition |", "|---|---|", *rows])
