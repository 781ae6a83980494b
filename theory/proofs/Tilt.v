(** * Infinitely many candidates and no real data: the law after t rounds

    Assumptions.  [p0] is a law on a finite type, [w = e^r] a positive weight, K = infinity.

    Claim.  [p_t = p_0 w^t / E_{p_0}[w^t]] ([tilted_power]): the initial law tilted by
    [e^(t r)], the optimum of the reward with a relative-entropy penalty of weight [1/t].

    Kind.  Equality.

    Source.  Ferbach et al. 2024, Section 2, after Lemma 2.1. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Infinite_candidates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Tilt.

Variables (R : realFieldType) (T : finType) (w p0 : T -> R).
Hypotheses (w_gt0 : positive w) (p0_law : law p0).

Let moment t : R := mean p0 (fun x => w x ^+ t).

Let moment_neq0 t : moment t != 0.
Proof. by rewrite gt_eqF // mean_gt0 // => x; rewrite exprn_gt0. Qed.

Theorem tilted_power t x :
  tilted_pure w p0 t x = p0 x * w x ^+ t / mean p0 (fun x => w x ^+ t).
Proof.
elim: t x => [|t IH] x.
  by rewrite (eq_mean p0 (g := fun=> 1)) // mean1 // divr1 expr0 mulr1.
have -> : tilted_pure w p0 t.+1 = tilted w (tilted_pure w p0 t) by [].
have -> : tilted w (tilted_pure w p0 t) x =
    tilted_pure w p0 t x * w x / mean (tilted_pure w p0 t) w by [].
have -> : mean (tilted_pure w p0 t) w = moment t.+1 / moment t.
  rewrite [X in _ = X / _]/moment /mean mulr_suml; apply: eq_bigr => y _.
  by rewrite IH -/(moment t) exprSr; ring.
rewrite IH -/(moment t) -/(moment t.+1) exprSr; field.
by rewrite !moment_neq0.
Qed.

End Tilt.
