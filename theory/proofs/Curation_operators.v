(** * What the loops owe to two properties of the curation alone

    Assumptions.  [pref] is a law on a finite type, [lam >= 0], [p_0 = p_ref].  [cur] is any way to
    curate: it maps laws to laws, gives the better samples the larger factor ([cur_raises]:
    [cur(p)/p] is non-decreasing in the weight) and keeps a monotone likelihood ratio
    ([cur_keeps]).

    Claim.  For every round, with real data ([lam] finite) and without:
    - [p_t / p_ref] is non-decreasing in the weight ([loop_ratio], [pure_loop_ratio]);
    - for every [f] that is non-decreasing in the weight
      [E_{p_{t+1}}[f] - E_ref[f] >= (lam/(1+lam)) (E_{cur(p_ref)}[f] - E_ref[f])], and without real
      data the same with the factor 1 ([loop_gain], [pure_loop_gain]).

    Kind.  Lower bounds.  Infinite_candidates.v applies them.

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Dominance.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Curation_operators.

Variables (R : realFieldType) (T : finType) (lam : R) (w pref : T -> R).
Variable cur : (T -> R) -> T -> R.
Hypotheses (lam_ge0 : 0 <= lam) (pref_law : law pref).
Hypothesis cur_law : forall p, law p -> law (cur p).
Hypothesis cur_raises : forall p, law p -> ratio_increasing w pref p ->
  ratio_increasing w pref (cur p).
Hypothesis cur_keeps : forall p q, law p -> law q -> ratio_increasing w p q ->
  ratio_increasing w (cur p) (cur q).

(** The loops of Loop.v with [cur] in the place of [kept K w]. *)
Definition round p x : R := (pref x + lam * cur p x) / (1 + lam).
Definition loop t : T -> R := iter t round pref.
Definition pure_loop t : T -> R := iter t cur pref.

Let lam1 : 0 < 1 + lam. Proof. exact: lam1_gt0. Qed.

Lemma mean_round p f : mean (round p) f = (mean pref f + lam * mean (cur p) f) / (1 + lam).
Proof.
rewrite /mean mulr_sumr -big_split mulr_suml; apply: eq_bigr => x _ /=.
by rewrite /round; ring.
Qed.

Lemma loop_law t : law (loop t).
Proof.
elim: t => //= t IH; have [k0 k1] := cur_law IH; have [r0 r1] := pref_law; split=> [x|].
  by apply: divr_ge0; [rewrite addr_ge0 ?mulr_ge0 | exact: ltW].
by rewrite -mulr_suml big_split /= -mulr_sumr k1 r1 mulr1 divff // gt_eqF.
Qed.

Lemma pure_loop_law t : law (pure_loop t).
Proof. by elim: t => //= t; exact: cur_law. Qed.

Lemma loop_ratio t : ratio_increasing w pref (loop t).
Proof.
elim: t => [|t IH] x y xy; first by rewrite mulrC.
have := cur_raises (loop_law t) IH xy; rewrite /= /round; set k := cur _ => k_ratio.
rewrite mulrAC [leRHS]mulrAC; apply: ler_wpmul2r; first by rewrite invr_ge0 ltW.
by rewrite !mulrDl [pref y * _]mulrC ler_add2l -!mulrA ler_wpmul2l.
Qed.

Lemma pure_loop_ratio t : ratio_increasing w pref (pure_loop t).
Proof.
elim: t => [|t IH] /=; first by move=> x y _; rewrite mulrC.
by apply: cur_raises => //; exact: pure_loop_law.
Qed.

Lemma loop_gain f t : increasing_in w f ->
  lam / (1 + lam) * (mean (cur pref) f - mean pref f) <= mean (loop t.+1) f - mean pref f.
Proof.
move=> f_inc.
have -> : mean (loop t.+1) f - mean pref f =
    lam / (1 + lam) * (mean (cur (loop t)) f - mean pref f).
  have lam1_neq0 : 1 + lam != 0 by rewrite gt_eqF.
  by rewrite (_ : loop t.+1 = round (loop t)) // mean_round; field.
apply: ler_wpmul2l; first by rewrite divr_ge0 // ltW.
rewrite ler_sub ?lexx //; apply: ratio_mean_increases f_inc.
- exact: cur_law.
- exact/cur_law/loop_law.
- by apply: cur_keeps => //; [exact: loop_law | exact: loop_ratio].
Qed.

Lemma pure_loop_gain f t : increasing_in w f ->
  mean (cur pref) f - mean pref f <= mean (pure_loop t.+1) f - mean pref f.
Proof.
move=> f_inc; rewrite ler_sub ?lexx //=; apply: ratio_mean_increases f_inc.
- exact: cur_law.
- exact/cur_law/pure_loop_law.
- by apply: cur_keeps => //; [exact: pure_loop_law | exact: pure_loop_ratio].
Qed.

End Curation_operators.
