"""Coarse-grained models made from reference frames: force matching, Langevin dynamics, test sets."""
