(** * Theorem 2.3: with real data the expected weight stays above its start

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight with
    [w <= wmax] wherever [pref] has mass, [K >= 1], [lam >= 0], [p_0 = p_ref].

    Claim.  For every [t >= 1],
    [E_{p_t}[w] >= E_ref[w] + (lam/(1+lam)) ((K-1)/K) Var_ref[w] / wmax]
    ([reward_with_real_data_sharp]); with [lam/(1+lam)^3] in front this is the
    paper's statement ([reward_with_real_data]).

    Kind.  Lower bounds.  The first has the best possible constant for every [lam > 0]
    and [K >= 2] (Optimality.v).

    Source.  Ferbach et al. 2024, Theorem 2.3; the sharp constant, this project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Lemma_2_2 Dominance_mixed.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Theorem_2_3.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Variable wmax : R.
Hypothesis w_le : forall x, 0 < pref x -> w x <= wmax.

(** Theorem 2.3 with the best constant. *)
Theorem reward_with_real_data_sharp t : (0 < t)%N ->
  mean pref w + lam / (1 + lam) * ((K%:R - 1) / K%:R * (variance pref w / wmax)) <=
  mean (mixed K lam w pref pref t) w.
Proof.
case: t => // t _; rewrite -ler_subr_addl.
apply: le_trans (gain_after_first_round K_gt0 lam_ge0 w_gt0 pref_law t _); last by [].
apply: ler_wpmul2l; first by rewrite divr_ge0 ?addr_ge0 ?ler01.
by rewrite ler_subr_addl reward_increase.
Qed.

(** Theorem 2.3 of the paper. *)
Corollary reward_with_real_data t : (0 < t)%N ->
  mean pref w + lam / (1 + lam) ^+ 3 * ((K%:R - 1) / K%:R * (variance pref w / wmax)) <=
  mean (mixed K lam w pref pref t) w.
Proof.
move=> t0; apply: le_trans (reward_with_real_data_sharp t0); rewrite ler_add2l.
have [x px] := law_charges pref_law.
have wmax_ge0 : 0 <= wmax by apply: le_trans (w_le px); apply: ltW.
apply: ler_wpmul2r.
  rewrite mulr_ge0 ?divr_ge0 ?variance_ge0 ?ler0n // subr_ge0 ler1n.
  exact: K_gt0.
have lam1 : 1 <= 1 + lam by rewrite ler_addl.
have lam10 := lt_le_trans ltr01 lam1.
rewrite ler_wpmul2l // lef_pinv ?posrE ?exprn_gt0 //.
by rewrite -[leLHS]expr1 ler_weexpn2l.
Qed.

End Theorem_2_3.
