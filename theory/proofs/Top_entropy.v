(** * Theorem 2.1 as a relative entropy

    Assumptions.  [p0] is a law on a finite type; the points of [A] weigh [wtop], the others at most
    [w2 <= wtop], all more than zero; [p0(A) > 0]; [K >= 1], or K = infinity.

    Claim.  In nats, with [p_0] conditioned on [A] and [P_t = p_t(A)],
    [KL(p_0(.|A) || p_t) = - ln P_t] ([top_entropy], [tilted_top_entropy]), which never increases
    ([top_entropy_decreases], [tilted_top_entropy_decreases]); it tends to 0 if [w2 < wtop]
    (Top_limit.v).

    Kind.  Equality, and an upper bound.

    Source.  Ferbach et al. 2024, Theorem 2.1; the equality, this project. *)

From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From CuratedLoop Require Import Loop Draws Infinite_candidates Divergence Logarithms Theorem_2_1.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The law [p] given that the sample lies in [A]. *)
Definition conditioned (T : finType) (p : T -> R) (A : pred T) (x : T) : R :=
  if A x then p x / mass p A else 0.

Lemma conditioned_entropy (T : finType) (p0 p : T -> R) (A : pred T) :
  0 < mass p0 A -> 0 < mass p A -> (forall x, A x -> p x * mass p0 A = p0 x * mass p A) ->
  relative_entropy (conditioned p0 A) p = - ln (mass p A).
Proof.
move=> P0_gt0 P_gt0 shape; rewrite -lnV //.
transitivity (\sum_(x | A x) p0 x / mass p0 A * ln (mass p A)^-1); last first.
  by rewrite -!mulr_suml -/(mass p0 A) divff ?gt_eqF // mul1r.
rewrite /relative_entropy [RHS]big_mkcond; apply: eq_bigr => x _; rewrite /conditioned.
case: ifP => [Ax|_]; last by rewrite mul0r.
have [-> |p0_neq0] := eqVneq (p0 x) 0; first by rewrite !mul0r.
congr (_ * ln _).
have -> : p x = p0 x * mass p A / mass p0 A by rewrite -shape // mulfK // gt_eqF.
by rewrite invf_div mulrA divfK ?gt_eqF // invfM mulrA divff // mul1r.
Qed.

Section Growing.

Variables (T : finType) (A : pred T) (q : nat -> T -> R).
Hypotheses (P0_gt0 : 0 < mass (q 0) A) (grows : forall t, mass (q t) A <= mass (q t.+1) A).
Hypothesis shape : forall t x, A x -> q t x * mass (q 0) A = q 0 x * mass (q t) A.

Let P_gt0 t : 0 < mass (q t) A.
Proof. by elim: t => // t /lt_le_trans; apply. Qed.

Lemma growing_entropy t : relative_entropy (conditioned (q 0) A) (q t) = - ln (mass (q t) A).
Proof. exact/conditioned_entropy/shape. Qed.

Lemma growing_entropy_decreases t : relative_entropy (conditioned (q 0) A) (q t.+1) <=
  relative_entropy (conditioned (q 0) A) (q t).
Proof. by rewrite !growing_entropy ler_opp2 ln_le. Qed.

End Growing.

Section Top_entropy.

Variables (T : finType) (K : nat) (w p0 : T -> R) (A : pred T) (wtop w2 : R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w) (w2_gt0 : 0 < w2) (w2_le : w2 <= wtop).
Hypotheses (at_top : forall x, A x -> w x = wtop) (below : forall x, ~~ A x -> w x <= w2).
Hypotheses (p0_law : law p0) (P0_gt0 : 0 < mass p0 A).

Let grows t : mass (pure K w p0 t) A <= mass (pure K w p0 t.+1) A.
Proof.
have p_law := pure_law K_gt0 w_gt0 t p0_law.
apply: le_trans (top_grows K_gt0 w_gt0 w2_gt0 w2_le at_top below p_law).
by rewrite ler_addl !mulr_ge0 ?subr_ge0 ?mass_ge0 ?mass_le1 // rho_le1.
Qed.

Let shape t x : A x -> pure K w p0 t x * mass p0 A = p0 x * mass (pure K w p0 t) A.
Proof. by move=> Ax; apply: (top_keeps_shape (wtop := wtop)) => //. Qed.

Theorem top_entropy t :
  relative_entropy (conditioned p0 A) (pure K w p0 t) = - ln (mass (pure K w p0 t) A).
Proof. exact: (growing_entropy (q := pure K w p0)). Qed.

Theorem top_entropy_decreases t :
  relative_entropy (conditioned p0 A) (pure K w p0 t.+1) <=
  relative_entropy (conditioned p0 A) (pure K w p0 t).
Proof. exact: (growing_entropy_decreases (q := pure K w p0)). Qed.

Let tilted_grows t : mass (tilted_pure w p0 t) A <= mass (tilted_pure w p0 t.+1) A.
Proof.
have p_law := tilted_pure_law w_gt0 t p0_law.
apply: le_trans (tilted_top_grows w_gt0 w2_gt0 w2_le at_top below p_law).
have wtop_gt0 := lt_le_trans w2_gt0 w2_le.
by rewrite ler_addl !mulr_ge0 ?subr_ge0 ?mass_ge0 ?mass_le1 // ler_pdivr_mulr // mul1r.
Qed.

Let tilted_shape t x : A x ->
  tilted_pure w p0 t x * mass p0 A = p0 x * mass (tilted_pure w p0 t) A.
Proof. by move=> Ax; apply: (tilted_top_keeps_shape (wtop := wtop)). Qed.

Theorem tilted_top_entropy t :
  relative_entropy (conditioned p0 A) (tilted_pure w p0 t) = - ln (mass (tilted_pure w p0 t) A).
Proof. exact: (growing_entropy (q := tilted_pure w p0)). Qed.

Theorem tilted_top_entropy_decreases t :
  relative_entropy (conditioned p0 A) (tilted_pure w p0 t.+1) <=
  relative_entropy (conditioned p0 A) (tilted_pure w p0 t).
Proof. exact: (growing_entropy_decreases (q := tilted_pure w p0)). Qed.

End Top_entropy.
