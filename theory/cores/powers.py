r"""Powers for every exponent, by induction: they keep order, and they stay above their tangents."""

from __future__ import annotations

from functools import partial

from theory.evidence.core import (
    LARGER,
    TRUE,
    Constant,
    Core,
    Element,
    FalseCore,
    Statement,
    without,
)


def _order(a: Element, b: Element, A: Element, B: Element) -> Statement:
    return Statement(
        assumed={
            "a >= b": a - b,
            "a >= 0": a,
            "b >= 0": b,
            "a^K >= b^K": A - B,
            "b^K >= 0": B,
        },
        conclusion=a * A - b * B,
    )


ORDER = Core(
    name="powers keep order, from K to K + 1",
    says="a ≥ b ≥ 0, A ≥ B ≥ 0 ⇒ aA ≥ bB",
    step="Induction on K with A = a^K, B = b^K: a ≥ b ≥ 0 gives a^K ≥ b^K for every K.",
    variables=("a", "b", "A", "B"),
    state=_order,
    degree=2,
    twins=(FalseCore("a below b", without(_order, "a >= b")),),
)


def _tangent(
    constant: Constant, x: Element, z: Element, X: Element, Z: Element, K: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "x^K >= Kz^(K−1)x − (K−1)z^K": X - K * Z * x + (K - 1) * Z * z,
            "x >= 0": x,
            "z >= 0": z,
            "z^(K−1) >= 0": Z,
            "K >= 1": K - 1,
        },
        conclusion=whole * (X * x + K * Z * z * z) - part * (K + 1) * Z * z * x,
        squares={"x−z": x - z},
    )


TANGENT = Core(
    name="powers stay above their tangents, from K to K + 1",
    says="X ≥ KZx − (K−1)Zz ⇒ Xx ≥ (K+1)Zzx − KZz²  (x, z, Z ≥ 0, K ≥ 1)",
    step=(
        "Induction on K with X = x^K, Z = z^(K−1), from K = 1, where both sides are x: "
        "x^K ≥ z^K + Kz^(K−1)(x−z) for all x, z ≥ 0. So y ↦ y^K is convex on [0, ∞)."
    ),
    variables=("x", "z", "X", "Z", "K"),
    state=partial(_tangent, TRUE),
    degree=3,
    twins=(FalseCore("slope 2 % steeper", partial(_tangent, LARGER)),),
)


def literal_tangent(exponent: int) -> Core:
    """The tangent inequality at one exponent, written out."""
    return Core(
        name=f"a power stays above its tangent, K = {exponent}",
        says="x^K ≥ Kz^(K−1)x − (K−1)z^K for x, z ≥ 0",
        step="Says what the induction says, without it.",
        variables=("x", "z"),
        state=partial(_literal_tangent, exponent, TRUE),
        degree=exponent - 1,
        twins=(FalseCore("slope 2 % steeper", partial(_literal_tangent, exponent, LARGER)),),
    )


def _literal_tangent(exponent: int, constant: Constant, x: Element, z: Element) -> Statement:
    part, whole = constant
    K = exponent
    return Statement(
        assumed={"x >= 0": x, "z >= 0": z},
        conclusion=whole * (power(x, K) + (K - 1) * power(z, K)) - part * K * power(z, K - 1) * x,
        squares={"x−z": x - z},
    )


def power(base: Element, exponent: int) -> Element:
    """A power by multiplication, in any ring; 1 when the exponent is 0."""
    value = 1
    for _ in range(exponent):
        value = value * base
    return value


POWERS = (ORDER, TANGENT, *(literal_tangent(K) for K in (2, 3, 4, 5)))
