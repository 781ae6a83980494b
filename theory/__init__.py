"""Exact and numerical mathematics of the curated retraining loop."""

from theory.curation import curate, curation_factor
from theory.law import Law
from theory.loop import RetrainingLoop
from theory.trajectory import Trajectory

__all__ = ["Law", "RetrainingLoop", "Trajectory", "curate", "curation_factor"]
