(** * The mixed loop dominates its reference, and never gains less than in round one

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight,
    [K >= 1], [lam >= 0], [p_0 = p_ref].

    Claim.  For every [t] and every [f] that is non-decreasing in the weight,
    [E_{p_t}[f] >= E_ref[f]] ([mixed_mean_increases]; [mixed_dominates] for upper
    sets), [E_{C_K(p_t)}[f] >= E_{C_K(p_ref)}[f]] ([kept_mixed_mean_increases];
    [kept_mixed_dominates]), and
    [E_{p_{t+1}}[f] - E_ref[f] >= (lam/(1+lam)) (E_{C_K(p_ref)}[f] - E_ref[f])]
    ([gain_after_first_round]), which is an equality at [t = 0] ([gain_of_first_round]).

    Kind.  Lower bounds (first-order stochastic dominance).

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Dominance Likelihood_ratio.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Dominance_mixed.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Implicit Types (f : T -> R) (A : pred T).

Let p_law t : law (mixed K lam w pref pref t). Proof. exact: mixed_law. Qed.

Let lam1_neq0 : 1 + lam != 0. Proof. by rewrite gt_eqF ?lam1_gt0. Qed.

Theorem mixed_mean_increases f t : increasing_in w f ->
  mean pref f <= mean (mixed K lam w pref pref t) f.
Proof. by apply: ratio_mean_increases => //; apply: mixed_ratio_increasing. Qed.

Theorem mixed_dominates A t : upper_set w A ->
  mass pref A <= mass (mixed K lam w pref pref t) A.
Proof. by apply: ratio_dominates => //; apply: mixed_ratio_increasing. Qed.

Theorem kept_mixed_mean_increases f t : increasing_in w f ->
  mean (kept K w pref) f <= mean (kept K w (mixed K lam w pref pref t)) f.
Proof.
apply: ratio_mean_increases; try exact: kept_law.
exact: kept_mixed_ratio_increasing.
Qed.

Theorem kept_mixed_dominates A t : upper_set w A ->
  mass (kept K w pref) A <= mass (kept K w (mixed K lam w pref pref t)) A.
Proof.
apply: ratio_dominates; try exact: kept_law.
exact: kept_mixed_ratio_increasing.
Qed.

(** The gain of a round is (lam/(1+lam)) times that of its kept sample. *)
Lemma gain_of_round f t :
  mean (mixed K lam w pref pref t.+1) f - mean pref f =
  lam / (1 + lam) * (mean (kept K w (mixed K lam w pref pref t)) f - mean pref f).
Proof. by rewrite mixedS mean_step; field. Qed.

Theorem gain_of_first_round f :
  mean (mixed K lam w pref pref 1) f - mean pref f =
  lam / (1 + lam) * (mean (kept K w pref) f - mean pref f).
Proof. exact: gain_of_round. Qed.

Theorem gain_after_first_round f t : increasing_in w f ->
  lam / (1 + lam) * (mean (kept K w pref) f - mean pref f) <=
  mean (mixed K lam w pref pref t.+1) f - mean pref f.
Proof.
move=> f_inc; rewrite gain_of_round.
apply: ler_wpmul2l; first by rewrite divr_ge0 ?addr_ge0 ?ler01.
by rewrite ler_sub ?lexx ?kept_mixed_mean_increases.
Qed.

End Dominance_mixed.
