(** * Lemma 2.2: one curated round raises the expected weight

    Assumptions.  [p] is any law on a finite type, [w] a positive weight with
    [w <= wmax] wherever [p] has mass, [K >= 1] draws per round.

    Claim.  [E_{C_K(p)}[w] >= E_p[w] + ((K-1)/K) Var_p[w] / wmax]
    ([reward_increase]).  The gain of any function [f] is known exactly
    ([gain_equality]): the mean over tuples of
    [sum_{k,l} (w_k - w_l)(f_k - f_l) / (2 K sum_j w_j)].  In the pure loop the
    bounds add up, so that the variances of all rounds have a sum that depends on
    [wmax] and [E_{p_0}[w]] only ([variance_summable]).

    Kind.  Lower bound, with the best possible constant for every [K >= 2] (Optimality.v);
    the gain is an equality.

    Source.  Ferbach et al. 2024, Lemma 2.2. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemma_2_2.

Variables (R : realFieldType) (T : finType) (K : nat) (w p : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w) (p_law : law p).
Implicit Types (d : {ffun 'I_K -> T}) (f : T -> R).

Let K_neq0 : K%:R != 0 :> R. Proof. by rewrite pnatr_eq0 -lt0n. Qed.

(** Chebyshev's sum identity. *)
Lemma pairwise_differences (a f : 'I_K -> R) :
  \sum_k \sum_l (a k - a l) * (f k - f l) =
  2 * (K%:R * (\sum_k a k * f k) - (\sum_k a k) * \sum_k f k).
Proof.
have inner k : \sum_l (a k - a l) * (f k - f l) =
    K%:R * (a k * f k) - a k * (\sum_l f l) - (\sum_l a l) * f k + \sum_l a l * f l.
  transitivity (\sum_(l < K) (a k * f k - a k * f l - a l * f k + a l * f l)).
    by apply: eq_bigr => l _; ring.
  by rewrite big_split !sumrB /= sumr_const card_ord -mulr_sumr -mulr_suml -(mulr_natl (a k * f k)).
under eq_bigr do rewrite inner.
rewrite big_split !sumrB /= sumr_const card_ord -!mulr_sumr -mulr_suml.
set P := \sum_k a k * f k; set A := \sum_k a k; set F := \sum_k f k.
by rewrite -(mulr_natl P); ring.
Qed.

Definition tuple_gain f d : R :=
  (\sum_k \sum_l (w (d k) - w (d l)) * (f (d k) - f (d l))) / (2 * K%:R * \sum_j w (d j)).

(** What one round adds to the mean of any function, exactly. *)
Theorem gain_equality f :
  mean (kept K w p) f = mean p f + \sum_(d : {ffun 'I_K -> T}) tuple_law p d * tuple_gain f d.
Proof.
rewrite mean_kept.
have -> : mean p f = \sum_(d : {ffun 'I_K -> T}) tuple_law p d * ((\sum_k f (d k)) / K%:R).
  under [RHS]eq_bigr do rewrite mulrA mulr_sumr.
  rewrite -mulr_suml exchange_big /=; under eq_bigr do rewrite expect_at //.
  by rewrite sumr_const card_ord -(mulr_natl (mean p f)) mulrAC divff ?mul1r.
rewrite -big_split; apply: eq_bigr => d _; rewrite /= -mulrDr; congr (_ * _).
have W_neq0 : \sum_j w (d j) != 0 by rewrite gt_eqF ?total_gt0.
rewrite /tuple_gain (pairwise_differences (w \o d) (f \o d)) /=.
under eq_bigr do rewrite /chosen mulrAC.
rewrite -mulr_suml; move: W_neq0.
set W := \sum_k w (d k); set F := \sum_k f (d k); set P := \sum_k w (d k) * f (d k) => W_neq0.
by field; rewrite K_neq0 W_neq0.
Qed.

Lemma mean_square_differences :
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * (\sum_k \sum_l (w (d k) - w (d l)) ^+ 2) =
  2 * K%:R * (K%:R - 1) * variance p w.
Proof.
under eq_bigr do rewrite mulr_sumr; rewrite exchange_big /=.
have pair k l : k != l ->
    \sum_(d : {ffun 'I_K -> T}) tuple_law p d * (w (d k) - w (d l)) ^+ 2 = 2 * variance p w.
  move=> kl; rewrite variance_moments //.
  pose m2 := mean p (fun x => w x ^+ 2).
  transitivity (m2 + m2 - 2 * (mean p w * mean p w)).
    rewrite /m2 -{1}(expect_at (fun x => w x ^+ 2) k p_law).
    rewrite -(expect_at (fun x => w x ^+ 2) l p_law).
    rewrite -(expect_at2 w w p_law kl) mulr_sumr -big_split -sumrB /=.
    by apply: eq_bigr => d _; ring.
  by rewrite -/m2; ring.
transitivity (\sum_(k < K) (K%:R - 1) * (2 * variance p w)); last first.
  by rewrite sumr_const card_ord -(mulr_natl (_ * _)); ring.
apply: eq_bigr => k _; under eq_bigr do rewrite mulr_sumr; rewrite exchange_big /=.
rewrite (bigD1 k) //= big1 ?add0r => [|d _]; last by rewrite subrr expr0n mulr0.
rewrite (eq_bigr (fun=> 2 * variance p w)) => [|l lk]; last by rewrite pair // eq_sym.
rewrite sumr_const cardC1 card_ord -(mulr_natl (2 * _)); congr (_ * _).
by rewrite -{2}(prednK K_gt0) mulrSr addrK.
Qed.

Lemma variance_by_pairs v : v != 0 -> (K%:R - 1) / K%:R * (variance p w / v) =
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d *
    ((\sum_k \sum_l (w (d k) - w (d l)) ^+ 2) / (2 * K%:R * (K%:R * v))).
Proof.
move=> v0; under eq_bigr do rewrite mulrA; rewrite -mulr_suml mean_square_differences.
by field; rewrite v0 K_neq0.
Qed.

Lemma tuple_gain_w d : tuple_gain w d =
  (\sum_k \sum_l (w (d k) - w (d l)) ^+ 2) / (2 * K%:R * \sum_j w (d j)).
Proof. by []. Qed.

Let K_mul v : K%:R * v = \sum_(j < K) v :> R.
Proof. by rewrite sumr_const card_ord -(mulr_natl v). Qed.

Let squares_ge0 d : 0 <= \sum_k \sum_l (w (d k) - w (d l)) ^+ 2.
Proof. by apply: sumr_ge0 => k _; apply: sumr_ge0 => l _; apply: sqr_ge0. Qed.

Let scale_gt0 : 0 < 2 * K%:R :> R. Proof. by rewrite mulr_gt0 ?ltr0n. Qed.

(** Lemma 2.2 of the paper. *)
Theorem reward_increase (wmax : R) : (forall x, 0 < p x -> w x <= wmax) ->
  mean p w + (K%:R - 1) / K%:R * (variance p w / wmax) <= mean (kept K w p) w.
Proof.
move=> w_le; have [p_ge0 _] := p_law.
have wmax_gt0 : 0 < wmax.
  by have [x px] := law_charges p_law; apply: lt_le_trans (w_gt0 x) (w_le x px).
rewrite gain_equality ler_add2l variance_by_pairs ?gt_eqF //.
apply: ler_sum => d _; have [d0|d_neq0] := eqVneq (tuple_law p d) 0; first by rewrite d0 !mul0r.
apply: ler_wpmul2l; first exact: tuple_law_ge0.
rewrite tuple_gain_w; apply: ler_wpmul2l => //.
rewrite lef_pinv ?posrE ?mulr_gt0 ?total_gt0 ?ltr0n // ler_pmul2l // K_mul.
apply: ler_sum => j _; apply: w_le; rewrite lt_neqAle p_ge0 andbT eq_sym.
by apply: contra_neq d_neq0 => pj; rewrite /tuple_law (bigD1 j) //= pj mul0r.
Qed.

(** The same from above, with the smallest weight: so the constant cannot be improved. *)
Theorem reward_increase_at_most (wmin : R) : 0 < wmin -> (forall x, wmin <= w x) ->
  mean (kept K w p) w <= mean p w + (K%:R - 1) / K%:R * (variance p w / wmin).
Proof.
move=> wmin_gt0 le_w; rewrite gain_equality ler_add2l variance_by_pairs ?gt_eqF //.
apply: ler_sum => d _; apply: ler_wpmul2l; first exact: tuple_law_ge0.
rewrite tuple_gain_w; apply: ler_wpmul2l => //.
rewrite lef_pinv ?posrE ?mulr_gt0 ?total_gt0 ?ltr0n // ler_pmul2l // K_mul.
by apply: ler_sum => j _.
Qed.

End Lemma_2_2.

Section Pure_loop.

Variables (R : realFieldType) (T : finType) (K : nat) (w p0 : T -> R) (wmax : R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w) (p0_law : law p0).
Hypothesis w_le : forall x, w x <= wmax.

(** Lemma 2.2 added up over the rounds. *)
Theorem reward_increase_summed t :
  mean p0 w + \sum_(s < t) (K%:R - 1) / K%:R * (variance (pure K w p0 s) w / wmax) <=
  mean (pure K w p0 t) w.
Proof.
elim: t => [|t IH]; first by rewrite big_ord0 addr0.
have lp := pure_law K_gt0 w_gt0 t p0_law.
rewrite big_ord_recr /= addrA; apply: le_trans (reward_increase K_gt0 w_gt0 lp _) => //.
by rewrite ler_add2r.
Qed.

(** So the variances of all rounds have a finite sum, whatever the law: they vanish. *)
Theorem variance_summable t :
  \sum_(s < t) (K%:R - 1) / K%:R * (variance (pure K w p0 s) w / wmax) <= wmax - mean p0 w.
Proof.
rewrite ler_subr_addl; apply: le_trans (reward_increase_summed t) _.
have lp := pure_law K_gt0 w_gt0 t p0_law; have [p_ge0 _] := lp.
rewrite -[leRHS](mean_const wmax lp).
by apply: ler_sum => x _; apply: ler_wpmul2l.
Qed.

End Pure_loop.
