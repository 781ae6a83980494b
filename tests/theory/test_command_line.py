"""What commands say of errors."""

from __future__ import annotations

import pytest

from theory.command_line import sentence


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("lam = 0 keeps\n  nothing", "Lam = 0 keeps nothing."),
        ("is it there?", "Is it there?"),
        ("build/runs holds no run: name another.", "build/runs holds no run: name another."),
        ("the folder build/runs holds no run", "The folder build/runs holds no run."),
        ("", "ValueError."),
    ],
)
def test_an_error_is_one_sentence_and_a_path_stays_as_it_is(said: str, told: str) -> None:
    assert sentence(ValueError(said)) == told
