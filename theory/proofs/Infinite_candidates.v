(** * Infinitely many candidates, and the loop without real data from the reference

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight, [lam >= 0],
    [p_0 = p_ref].  With K = infinity curation multiplies by [w / E_p[w]] ([tilted]; Lemma 2.1).

    Claim.  What Lemma_2_2.v, Dominance.v, Likelihood_ratio.v, Dominance_mixed.v and Theorem_2_3.v
    prove for every K holds at K = infinity too: [tilted_gain], [tilted_reward_increase],
    [tilted_dominates], [tilted_ratio_increasing], [tilted_gain_after_first_round],
    [tilted_reward_with_real_data_sharp].  And what is said of [p_0 = p_ref] for finite [lam] holds
    at lam = infinity: [pure_gain_after_first_round], [pure_reward_with_real_data_sharp] for finite
    K, [tilted_pure_...] for K = infinity.

    Kind.  Equality, lower bounds.

    Source.  Ferbach et al. 2024, Lemmas 2.1 and 2.2, Theorem 2.3; this project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Lemma_2_2 Dominance Likelihood_ratio.
From CuratedLoop Require Import Curation_operators.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (R : realFieldType) (T : finType).

(** The law of the kept sample of infinitely many draws, and the loops with it. *)
Definition tilted (w p : T -> R) (x : T) : R := p x * w x / mean p w.

Definition tilted_mixed (lam : R) (w pref p0 : T -> R) (t : nat) : T -> R :=
  iter t (fun p x => (pref x + lam * tilted w p x) / (1 + lam)) p0.

Definition tilted_pure (w p0 : T -> R) (t : nat) : T -> R := iter t (tilted w) p0.

End Definitions.

Section One_round.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Hypothesis w_gt0 : positive w.
Implicit Types (p f : T -> R) (A : pred T).

Lemma mean_w_gt0 p : law p -> 0 < mean p w.
Proof. by move=> p_law; exact: mean_gt0. Qed.

Lemma tilted_law p : law p -> law (tilted w p).
Proof.
move=> p_law; have [p_ge0 _] := p_law; have mu_gt0 := mean_w_gt0 p_law; split=> [x|].
  by rewrite divr_ge0 ?mulr_ge0 // ltW.
by rewrite -mulr_suml -/(mean p w) divff // gt_eqF.
Qed.

Lemma tilted_keeps_ratio p q : law p -> law q -> ratio_increasing w p q ->
  ratio_increasing w (tilted w p) (tilted w q).
Proof.
move=> p_law q_law ratio x y xy; rewrite /tilted.
have regroup (a b c d m n : R) : a * b / m * (c * d / n) = a * c * (b * d / (m * n)).
  by rewrite mulf_div mulrACA [RHS]mulrA.
rewrite !regroup [w y * w x]mulrC; apply: ler_wpmul2r; last exact: ratio.
by rewrite divr_ge0 ?mulr_ge0 ?ltW ?mean_w_gt0.
Qed.

Lemma tilted_raises_ratio r p : law r -> law p -> ratio_increasing w r p ->
  ratio_increasing w r (tilted w p).
Proof.
move=> [r_ge0 _] p_law ratio x y xy; have [p_ge0 _] := p_law; rewrite /tilted.
rewrite mulrAC [leRHS]mulrAC; apply: ler_wpmul2r; first by rewrite invr_ge0 ltW ?mean_w_gt0.
rewrite mulrAC [leRHS]mulrAC; apply: ler_pmul => //; first by rewrite mulr_ge0.
  exact: ltW.
exact: ratio.
Qed.

Lemma tilted_dominating p : law p -> ratio_increasing w p (tilted w p).
Proof. by move=> p_law; apply: tilted_raises_ratio => // x y _; rewrite mulrC. Qed.

(** The Price identity at K = infinity: the factor is [w / E_p[w]], of mean one. *)
Theorem tilted_price_identity p f : law p ->
  mean (tilted w p) f - mean p f =
  mean p (fun x => f x * (w x / mean p w)) - mean p f * mean p (fun x => w x / mean p w).
Proof.
move=> p_law; have factor_mean : mean p (fun x => w x / mean p w) = 1.
  have [_ <-] := tilted_law p_law.
  by apply: eq_bigr => x _; rewrite /tilted mulrA.
rewrite factor_mean mulr1; congr (_ - _).
by apply: eq_bigr => x _; rewrite /tilted -!mulrA; congr (_ * _); rewrite mulrA mulrC.
Qed.

(** Lemma 2.2 at K = infinity. *)
Theorem tilted_gain p : law p -> mean (tilted w p) w = mean p w + variance p w / mean p w.
Proof.
move=> p_law; have mu_neq0 : mean p w != 0 by rewrite gt_eqF ?mean_w_gt0.
have -> : mean (tilted w p) w = mean p (fun x => w x ^+ 2) / mean p w.
  by rewrite /mean mulr_suml; apply: eq_bigr => x _; rewrite /tilted -/(mean p w); ring.
by rewrite variance_moments //; field.
Qed.

Theorem tilted_reward_increase p wmax : law p -> (forall x, 0 < p x -> w x <= wmax) ->
  mean p w + variance p w / wmax <= mean (tilted w p) w.
Proof.
move=> p_law w_le; have [p_ge0 p_1] := p_law; rewrite tilted_gain // ler_add2l.
rewrite ler_wpmul2l ?variance_ge0 // lef_pinv ?posrE ?mean_w_gt0 //.
  rewrite -[wmax]mul1r -p_1 mulr_suml; apply: ler_sum => x _.
  have := p_ge0 x; rewrite le_eqVlt => /orP[/eqP <-|p_gt0]; first by rewrite !mul0r.
  by rewrite ler_wpmul2l ?w_le.
by have [x p_gt0] := law_charges p_law; apply: lt_le_trans (w_gt0 x) (w_le x p_gt0).
Qed.

Lemma tilted_pure_law p0 t : law p0 -> law (tilted_pure w p0 t).
Proof. by move=> p0_law; elim: t => //= t; exact: tilted_law. Qed.

(** Dominance in every round of the pure loop. *)
Theorem tilted_pure_mean_increases p0 f t : law p0 -> increasing_in w f ->
  mean (tilted_pure w p0 t) f <= mean (tilted_pure w p0 t.+1) f.
Proof.
move=> p0_law f_inc; have p_law := tilted_pure_law t p0_law.
apply: ratio_mean_increases f_inc => //; first exact: tilted_law.
exact: tilted_dominating.
Qed.

Theorem tilted_pure_dominates p0 A t : law p0 -> upper_set w A ->
  mass (tilted_pure w p0 t) A <= mass (tilted_pure w p0 t.+1) A.
Proof.
by move=> p0_law up; rewrite !mass_mean; apply/tilted_pure_mean_increases/indicator_increasing.
Qed.

End One_round.

Section Rounds.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Implicit Types (f : T -> R) (A : pred T).

Let kept_cur p (p_law : law p) := kept_law w_gt0 K_gt0 p_law.
Let kept_raises p (p_law : law p) ratio := kept_raises_ratio K_gt0 w_gt0 pref_law p_law ratio.
Let kept_keeps p q (p_law : law p) (q_law : law q) ratio :=
  kept_keeps_ratio w_gt0 p_law q_law ratio K_gt0.
Let tilted_cur p (p_law : law p) := tilted_law w_gt0 p_law.
Let tilted_raises p (p_law : law p) ratio := tilted_raises_ratio w_gt0 pref_law p_law ratio.
Let tilted_keeps p q (p_law : law p) (q_law : law q) ratio :=
  tilted_keeps_ratio w_gt0 p_law q_law ratio.

Lemma tilted_mixed_law t : law (tilted_mixed lam w pref pref t).
Proof. exact: (loop_law lam_ge0 pref_law tilted_cur). Qed.

Theorem tilted_ratio_increasing t : ratio_increasing w pref (tilted_mixed lam w pref pref t).
Proof. exact: (loop_ratio lam_ge0 pref_law tilted_cur tilted_raises). Qed.

Theorem tilted_pure_ratio_increasing t : ratio_increasing w pref (tilted_pure w pref t).
Proof. exact: (pure_loop_ratio pref_law tilted_cur tilted_raises). Qed.

Theorem tilted_gain_after_first_round f t : increasing_in w f ->
  lam / (1 + lam) * (mean (tilted w pref) f - mean pref f) <=
  mean (tilted_mixed lam w pref pref t.+1) f - mean pref f.
Proof. exact: (loop_gain lam_ge0 pref_law tilted_cur tilted_raises tilted_keeps). Qed.

Theorem tilted_pure_gain_after_first_round f t : increasing_in w f ->
  mean (tilted w pref) f - mean pref f <= mean (tilted_pure w pref t.+1) f - mean pref f.
Proof. exact: (pure_loop_gain pref_law tilted_cur tilted_raises tilted_keeps). Qed.

Theorem pure_gain_after_first_round f t : increasing_in w f ->
  mean (kept K w pref) f - mean pref f <= mean (pure K w pref t.+1) f - mean pref f.
Proof. exact: (pure_loop_gain pref_law kept_cur kept_raises kept_keeps). Qed.

Theorem gain_nonnegative f : increasing_in w f -> 0 <= mean (kept K w pref) f - mean pref f.
Proof. by move=> f_inc; rewrite subr_ge0 kept_mean_increases. Qed.

Theorem tilted_gain_nonnegative f : increasing_in w f ->
  0 <= mean (tilted w pref) f - mean pref f.
Proof.
by move=> f_inc; rewrite subr_ge0; exact: (@tilted_pure_mean_increases _ _ w w_gt0 pref f 0).
Qed.

Variable wmax : R.
Hypothesis w_le : forall x, 0 < pref x -> w x <= wmax.

Let w_increasing : increasing_in w w. Proof. by []. Qed.

(** Theorem 2.3 with its best constant, at K = infinity and at lam = infinity. *)
Theorem tilted_reward_with_real_data_sharp t : (0 < t)%N ->
  mean pref w + lam / (1 + lam) * (variance pref w / wmax) <=
  mean (tilted_mixed lam w pref pref t) w.
Proof.
case: t => // t _; rewrite -ler_subr_addl.
apply: le_trans (tilted_gain_after_first_round t w_increasing); apply: ler_wpmul2l.
  by rewrite divr_ge0 ?addr_ge0 ?ler01.
by rewrite ler_subr_addl tilted_reward_increase.
Qed.

Theorem tilted_pure_reward_with_real_data_sharp t : (0 < t)%N ->
  mean pref w + variance pref w / wmax <= mean (tilted_pure w pref t) w.
Proof.
case: t => // t _; rewrite -ler_subr_addl.
apply: le_trans (tilted_pure_gain_after_first_round t w_increasing).
by rewrite ler_subr_addl tilted_reward_increase.
Qed.

Theorem pure_reward_with_real_data_sharp t : (0 < t)%N ->
  mean pref w + (K%:R - 1) / K%:R * (variance pref w / wmax) <= mean (pure K w pref t) w.
Proof.
case: t => // t _; rewrite -ler_subr_addl.
apply: le_trans (pure_gain_after_first_round t w_increasing).
by rewrite ler_subr_addl reward_increase.
Qed.

End Rounds.
