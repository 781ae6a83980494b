"""Generators that the loop retrains, one family a file; see :mod:`sim.protocols`."""
