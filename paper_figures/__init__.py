"""The figures, one file each, drawn from saved results: ``python -m paper_figures``."""
