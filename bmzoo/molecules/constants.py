"""Constants of nature in nm, ps, K, kJ/mol."""

from __future__ import annotations

GAS_CONSTANT = 8.31446261815324e-3
"""kJ/mol/K."""
