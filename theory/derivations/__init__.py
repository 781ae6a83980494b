"""The algebra behind the notebooks, done by SymPy: one module for each notebook.

Functions return expressions; what they must equal is computed by another route in the tests.
"""
