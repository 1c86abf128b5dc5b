"""Autoregressive placement of atoms on voxels, by an adversarially trained generator."""
