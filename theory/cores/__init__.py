"""Polynomial statements that prove claims for every law: one idea per file, tuples of
:class:`theory.evidence.core.Core` by the claim's name."""
