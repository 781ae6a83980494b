r"""Who curates: choice models, from K candidates to the probabilities with which each is kept.

Every model is *anonymous*: the order of the candidates does not matter. So it has a curation factor

.. math:: H_p(x) = K\,P(\text{candidate 1 is kept} \mid X_1 = x), \qquad X_2, \dots, X_K \sim p,

with :math:`0 \le H_p \le K`, :math:`E_p[H_p] = 1`, and the kept sample has the law :math:`p H_p`,
which gives no set A more than the probability :math:`1 - (1 - p(A))^K` that some candidate is in A.

===================  ===============================================================================
`PlackettLuce`       keeps in proportion to :math:`w = e^r`; at K = 2 Bradley–Terry (the default)
`BestOf`             the largest weight, ties split evenly: Plackett–Luce as rewards are scaled up
`TopFraction`        one of the m best, each with probability 1/m: a filter that keeps m of K
`Noisy`              with probability ε a candidate at random, else as another model
`AdversarialShare`   a share of the curators chooses by −r (Wei & Zhang, arXiv:2505.09768)
`Heterogeneous`      a random annotator of several, each with a reward of their own
                     (Zhao et al., arXiv:2511.09002): :math:`H = E_a[H^{r_a}]`
`Cyclic`             pairs compared by odds that need not be transitive, K = 2 only
`OneOfSeveral`       the reward, or another one, drawn at random each time
`SumOfRewards`       the reward plus another one
===================  ===============================================================================

What theorems call the reward is r: for `Heterogeneous` the mean of the annotators' rewards (so w is
the geometric mean of their weights), for the last two the first of the rewards, for `Cyclic` the
Bradley–Terry reward that the odds perturb. Models that treat candidates of one reward differently
have *tables* with a column for every label; the labels of a law's atoms are 0, …, n − 1.

Parameters are rationals, so that one model serves exact, ball and float64 arithmetic alike.
"""

from __future__ import annotations

from theory.choice.curators import (
    AdversarialShare,
    Curator,
    Heterogeneous,
    OneOfSeveral,
    PlackettLuce,
    RandomCurator,
    SumOfRewards,
)
from theory.choice.cyclic import Cyclic
from theory.choice.model import Choice, LuceArithmetic, enumerated_factor
from theory.choice.noisy import Noisy
from theory.choice.order import BestOf, OrderStatistic, TopFraction
from theory.choice.reading import MODELS, choice_from_json

__all__ = [
    "MODELS",
    "AdversarialShare",
    "BestOf",
    "Choice",
    "Curator",
    "Cyclic",
    "Heterogeneous",
    "LuceArithmetic",
    "Noisy",
    "OneOfSeveral",
    "OrderStatistic",
    "PlackettLuce",
    "RandomCurator",
    "SumOfRewards",
    "TopFraction",
    "choice_from_json",
    "enumerated_factor",
]
