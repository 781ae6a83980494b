"""What makes the pages of the documentation site from the sources: ``make docs``.

``docs`` holds style and script alone. Every page is generated while the site is built, and none is
committed: the catalogue of claims from :mod:`theory.claims`, the notation from
:mod:`theory.notation`, tutorials from the notebooks, the commands from their ``--help``, the list
of figures from :mod:`paper_figures.registry`, the modules from their docstrings, and the front page
from the README.
"""
