"""The conformance checks as pytest fixtures that fail the test with the report.

In ``conftest.py``: ``pytest_plugins = ["theory.testing.fixtures"]``. Then

.. code-block:: python

    def test_my_curator(check_curator):
        check_curator(my_select, K=4)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import pytest

from theory.testing.curator import check_curator as curator_report
from theory.testing.generator import check_generator as generator_report
from theory.testing.loop import check_loop as loop_report
from theory.testing.report import Conformance

Check = Callable[..., Conformance]


@pytest.fixture
def check_curator() -> Check:
    """:func:`theory.testing.check_curator`, failing the test when a property does not hold."""
    return _required(curator_report)


@pytest.fixture
def check_generator() -> Check:
    """:func:`theory.testing.check_generator`, failing the test when a property does not hold."""
    return _required(generator_report)


@pytest.fixture
def check_loop() -> Check:
    """:func:`theory.testing.check_loop`, failing the test when a property does not hold."""
    return _required(loop_report)


def _required(check: Check) -> Check:
    @wraps(check)
    def required(*arguments: object, **options: object) -> Conformance:
        report = check(*arguments, **options)
        report.require()
        return report

    return required
