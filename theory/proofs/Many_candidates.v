(** * Infinitely many candidates: the theorems for K = infinity

    Assumptions.  Laws on a finite type, [w] a positive weight, [lam >= 0],
    [p_0 = p_ref].  With K = infinity the kept sample has the law
    [C(p)(x) = p(x) w(x) / E_p[w]] (the limit of C_K is Lemma_2_1.v).

    Claim.
    - Lemma 2.2: [E_{C(p)}[w] = E_p[w] + Var_p[w]/E_p[w]] ([tilt_gain]), at least
      [E_p[w] + Var_p[w]/wmax] ([tilt_reward_increase]).
    - [C(p)] dominates [p] ([tilt_mean_increases]).
    - [p_t/p_ref] is non-decreasing in the weight and grows no faster than [w^t]
      ([tilt_mixed_ratio_increasing], [tilt_mixed_ratio_power]); without real data
      it is proportional to [w^t] ([tilt_pure_power]).
    - The gain after round one, and Theorem 2.3 with its best constant
      ([tilt_gain_after_first_round], [tilt_reward_with_real_data]).

    Kind.  As for finite K.

    Source.  Ferbach et al. 2024 (K = infinity: Lemma 2.1); this project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Dominance.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (R : realFieldType) (T : finType).

(** The law of the kept sample at K = infinity. *)
Definition tilted (w p : T -> R) (x : T) : R := p x * w x / mean p w.

Definition tilt_step (lam : R) (w pref p : T -> R) (x : T) : R :=
  (pref x + lam * tilted w p x) / (1 + lam).

Definition tilt_mixed (lam : R) (w pref p0 : T -> R) (t : nat) : T -> R :=
  iter t (tilt_step lam w pref) p0.

Definition tilt_pure (w p0 : T -> R) (t : nat) : T -> R := iter t (tilted w) p0.

End Definitions.

Section One_round.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Hypothesis w_gt0 : positive w.
Implicit Types (p q f : T -> R).

Lemma mean_w_gt0 p : law p -> 0 < mean p w.
Proof. by move=> lp; apply: mean_gt0. Qed.

Lemma mean_tilted p f : mean (tilted w p) f = mean p (fun x => w x * f x) / mean p w.
Proof.
rewrite [X in _ = X / _]/mean mulr_suml; apply: eq_bigr => x _.
by rewrite /tilted; ring.
Qed.

Lemma tilted_law p : law p -> law (tilted w p).
Proof.
move=> lp; have m0 := mean_w_gt0 lp; have [p0 _] := lp; split=> [x|].
  by rewrite divr_ge0 ?mulr_ge0 // ltW.
by rewrite -mulr_suml divff ?gt_eqF.
Qed.

Theorem tilt_gain p : law p -> mean (tilted w p) w = mean p w + variance p w / mean p w.
Proof.
move=> lp; rewrite mean_tilted variance_moments // (eq_mean p (g := fun x => w x ^+ 2)) //.
by field; rewrite gt_eqF ?mean_w_gt0.
Qed.

Lemma mean_le_max p wmax : law p -> (forall x, 0 < p x -> w x <= wmax) -> mean p w <= wmax.
Proof.
move=> lp w_le; rewrite -[leRHS](mean_const _ lp); apply: ler_sum => x _.
have [p0 _] := lp; have := p0 x; rewrite le_eqVlt => /predU1P[<-|px]; first by rewrite !mul0r.
by rewrite ler_wpmul2l ?w_le // ltW.
Qed.

Theorem tilt_reward_increase p wmax : law p -> (forall x, 0 < p x -> w x <= wmax) ->
  mean p w + variance p w / wmax <= mean (tilted w p) w.
Proof.
move=> lp w_le; have m0 := mean_w_gt0 lp; have m_le := mean_le_max lp w_le.
rewrite tilt_gain // ler_add2l ler_wpmul2l ?variance_ge0 // lef_pinv ?posrE //.
exact: lt_le_trans m0 m_le.
Qed.

(** q1/q increasing makes C(q1)/C(q) increasing. *)
Lemma tilt_keeps_ratio q q1 : law q -> law q1 -> ratio_increasing w q q1 ->
  ratio_increasing w (tilted w q) (tilted w q1).
Proof.
move=> lq lq1 ratio x y xy; rewrite /tilted.
have regroup (a b c d e f : R) : a * b / e * (c * d / f) = a * c * (b * d / (e * f)).
  by rewrite mulf_div mulrACA [RHS]mulrA.
rewrite !regroup [w y * w x]mulrC; apply: ler_wpmul2r; last exact: ratio.
by rewrite divr_ge0 ?mulr_ge0 ?(ltW (w_gt0 _)) ?(ltW (mean_w_gt0 _)).
Qed.

Lemma tilt_raises_ratio q p : law q -> law p -> ratio_increasing w q p ->
  ratio_increasing w q (tilted w p).
Proof.
move=> lq lp ratio x y xy; rewrite /tilted.
have regroup (a b c d : R) : a * b / c * d = a * d * (b / c) by ring.
rewrite !regroup; apply: ler_pmul; last 2 first.
- exact: ratio.
- by apply: ler_wpmul2r => //; rewrite invr_ge0 ltW ?mean_w_gt0.
- by have [[q0 _] [p0 _]] := (lq, lp); rewrite mulr_ge0.
by rewrite divr_ge0 ?(ltW (w_gt0 _)) ?(ltW (mean_w_gt0 _)).
Qed.

Theorem tilt_mean_increases p f : law p -> increasing_in w f -> mean p f <= mean (tilted w p) f.
Proof.
move=> lp; apply: ratio_mean_increases => //; first exact: tilted_law.
by apply: tilt_raises_ratio => // x y _; rewrite mulrC.
Qed.

End One_round.

Section Loops.

Variables (R : realFieldType) (T : finType) (lam : R) (w pref : T -> R).
Hypotheses (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Implicit Types (f : T -> R).

Let lam1 : 0 < 1 + lam. Proof. exact: lam1_gt0. Qed.

Local Notation p_ t := (tilt_mixed lam w pref pref t).

Lemma tilt_mixedS t : p_ t.+1 = tilt_step lam w pref (p_ t).
Proof. by []. Qed.

Lemma tilt_mean_step p f :
  mean (tilt_step lam w pref p) f = (mean pref f + lam * mean (tilted w p) f) / (1 + lam).
Proof.
rewrite /mean mulr_sumr -big_split mulr_suml; apply: eq_bigr => x _ /=.
by rewrite /tilt_step; ring.
Qed.

Lemma tilt_mixed_law t : law (p_ t).
Proof.
elim: t => // t IH; have [c0 c1] := tilted_law w_gt0 IH; have [r0 r1] := pref_law.
rewrite tilt_mixedS; split=> [x|].
  by apply: divr_ge0; [apply: addr_ge0 => //; apply: mulr_ge0 | exact: ltW lam1].
by rewrite -mulr_suml big_split /= -mulr_sumr c1 r1 mulr1 divff // gt_eqF.
Qed.

Theorem tilt_mixed_ratio_increasing t : ratio_increasing w pref (p_ t).
Proof.
elim: t => [|t IH] x y xy; first by rewrite mulrC.
have := tilt_raises_ratio w_gt0 pref_law (tilt_mixed_law t) IH xy.
rewrite tilt_mixedS /tilt_step; move: (tilted w _) => c c_ratio.
rewrite mulrAC [leRHS]mulrAC; apply: ler_wpmul2r; first by rewrite invr_ge0 addr_ge0 ?ler01.
by rewrite !mulrDl [pref y * _]mulrC ler_add2l -!mulrA ler_wpmul2l.
Qed.

Theorem tilt_mixed_ratio_power t x y : w x <= w y ->
  p_ t y * pref x * w x ^+ t <= p_ t x * pref y * w y ^+ t.
Proof.
move=> xy; have [r0 _] := pref_law; have w0 z : 0 <= w z := ltW (w_gt0 z).
elim: t => [|t IH]; first by rewrite !expr0 !mulr1 mulrC.
have lp := tilt_mixed_law t; have [p0 _] := lp; have m0 := ltW (mean_w_gt0 w_gt0 lp).
rewrite !tilt_mixedS /tilt_step /tilted; move: IH p0 m0; set p := tilt_mixed _ _ _ _ t => IH p0 m0.
have regroup r q P W v : (r + lam * (P * W / mean p w)) / (1 + lam) * q * v ^+ t.+1 =
    (r * q * v ^+ t.+1 + lam * (P * q * v ^+ t * (W * v / mean p w))) / (1 + lam).
  by rewrite exprS; ring.
rewrite !regroup; apply: ler_wpmul2r; first by rewrite invr_ge0 addr_ge0 ?ler01.
apply: ler_add.
  by rewrite [pref y * _]mulrC ler_wpmul2l ?mulr_ge0 // ler_expn2r ?nnegrE.
apply: ler_wpmul2l => //; rewrite [w y * w x]mulrC.
by apply: ler_wpmul2r => //; rewrite divr_ge0 ?mulr_ge0.
Qed.

(** Without real data p_t is the reference times w^t, up to a factor. *)
Theorem tilt_pure_power t x y :
  tilt_pure w pref t x * pref y * w y ^+ t = tilt_pure w pref t y * pref x * w x ^+ t.
Proof.
elim: t => [|t IH]; first by rewrite !expr0 !mulr1 mulrC.
have -> : tilt_pure w pref t.+1 = tilted w (tilt_pure w pref t) by [].
rewrite /tilted; set p := tilt_pure w pref t in IH *.
have regroup (a b c d : R) : a * b / c * d = a * d * (b / c) by ring.
rewrite !regroup !exprSr.
transitivity (p x * pref y * w y ^+ t * (w x * w y / mean p w)); first by ring.
by rewrite IH; ring.
Qed.

Theorem tilt_mixed_mean_increases f t : increasing_in w f -> mean pref f <= mean (p_ t) f.
Proof.
apply: ratio_mean_increases => //; first exact: tilt_mixed_law.
exact: tilt_mixed_ratio_increasing.
Qed.

Theorem tilt_gain_after_first_round f t : increasing_in w f ->
  lam / (1 + lam) * (mean (tilted w pref) f - mean pref f) <= mean (p_ t.+1) f - mean pref f.
Proof.
move=> f_inc; rewrite tilt_mixedS tilt_mean_step.
have -> : (mean pref f + lam * mean (tilted w (p_ t)) f) / (1 + lam) - mean pref f =
    lam / (1 + lam) * (mean (tilted w (p_ t)) f - mean pref f).
  by field; rewrite gt_eqF.
apply: ler_wpmul2l; first by rewrite divr_ge0 ?(ltW lam1).
rewrite ler_sub ?lexx //; apply: ratio_mean_increases f_inc => //; try exact: tilted_law.
  exact/tilted_law/tilt_mixed_law.
apply: tilt_keeps_ratio => //; first exact: tilt_mixed_law.
exact: tilt_mixed_ratio_increasing.
Qed.

Theorem tilt_reward_with_real_data wmax t : (forall x, 0 < pref x -> w x <= wmax) -> (0 < t)%N ->
  mean pref w + lam / (1 + lam) * (variance pref w / wmax) <= mean (p_ t) w.
Proof.
move=> w_le; case: t => // t _; rewrite -ler_subr_addl.
apply: le_trans (tilt_gain_after_first_round t _); last by [].
apply: ler_wpmul2l; first by rewrite divr_ge0 ?(ltW lam1).
by rewrite ler_subr_addl tilt_reward_increase.
Qed.

End Loops.
