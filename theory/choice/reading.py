r"""Choice models by name, and back from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from theory.choice.curators import (
    AdversarialShare,
    Heterogeneous,
    OneOfSeveral,
    PlackettLuce,
    SumOfRewards,
)
from theory.choice.cyclic import Cyclic
from theory.choice.model import Choice
from theory.choice.noisy import Noisy
from theory.choice.order import BestOf, TopFraction

MODELS: dict[str, type[Choice]] = {
    model.name: model
    for model in (
        PlackettLuce,
        BestOf,
        TopFraction,
        Noisy,
        AdversarialShare,
        Heterogeneous,
        Cyclic,
        OneOfSeveral,
        SumOfRewards,
    )
}


def choice_from_json(data: Any) -> Choice:
    """Inverse of :meth:`Choice.to_json`.

    Raises
    ------
    ValueError
        For an unknown model, parameters that it does not have, or that it refuses.

    Examples
    --------
    >>> choice_from_json({"model": "noisy", "epsilon": "1/10", "inner": {"model": "best-of-K"}})
    Noisy(epsilon=Fraction(1, 10), inner=BestOf())
    """
    if not isinstance(data, Mapping) or str(data.get("model")) not in MODELS:
        raise ValueError(f"the choice model {data!r} is none of: {', '.join(MODELS)}.")
    model = MODELS[data["model"]]
    parameters = {key: _decoded(value) for key, value in data.items() if key != "model"}
    known = {field.name for field in fields(model)}  # type: ignore[arg-type]
    for name in parameters:
        if name not in known:
            raise ValueError(f"the choice model {model.name!r} has no parameter {name!r}.")
    try:
        return model(**parameters)
    except TypeError as error:
        raise ValueError(
            f"the parameters of the choice model {model.name!r} do not fit it: {error}."
        ) from None


def _decoded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return choice_from_json(value)
    if isinstance(value, list):
        return tuple(_decoded(entry) for entry in value)
    if not isinstance(value, str):
        return value
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} in a choice model is not a rational number.") from None
