r"""Evidence: how a claim is checked on instances, and how its false twins are refuted.

=================  ============================================================================
``rational``       exact: rational arithmetic, the sign of every margin decided with no rounding
``ball``           certified: ball arithmetic, precision raised until the margin excludes 0
``numeric``        float64 on random laws and on grids, tolerance from the computation's condition
``search``         counterexamples: log-scale draws, L-BFGS-B, dual annealing; then confirmed
=================  ============================================================================
"""
