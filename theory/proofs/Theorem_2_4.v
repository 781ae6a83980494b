(** * Theorem 2.4: with enough real data the density never leaves a band

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight,
    [K >= 1], [lam >= 0], [p_0 = p_ref].

    Claim.  If [lam (K-1) < 1] then [p_t(x) <= p_ref(x) / (1 - lam (K-1))] for all
    [t] and [x] ([density_bounded]); so the mean of log(p_t/p_ref) under [p_t],
    the divergence of the paper's theorem, is at most [-log(1 - lam (K-1))].

    Kind.  Upper bound.  Half of [lam (K-1)] is too little (Optimality.v).

    Source.  Ferbach et al. 2024, Theorem 2.4. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Theorem_2_4.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).

(** A sample is kept at most K times as often as it is drawn. *)
Lemma kept_le p x : law p -> kept K w p x <= K%:R * p x.
Proof.
move=> lp; rewrite -(prednK K_gt0) kept_density [leRHS]mulrC.
by apply: ler_wpmul2l; [have [] := lp | apply: density_le].
Qed.

Theorem density_bounded t x : lam * (K%:R - 1) < 1 ->
  mixed K lam w pref pref t x <= pref x / (1 - lam * (K%:R - 1)).
Proof.
move=> stable; set c := 1 - _; have [r0 _] := pref_law.
have c0 : 0 < c by rewrite subr_gt0.
have c1 : c <= 1.
  by rewrite ler_subl_addr ler_addl mulr_ge0 // subr_ge0 ler1n.
elim: t x => [|t IH] x.
  by rewrite ler_pdivl_mulr // -[leRHS]mulr1 ler_wpmul2l.
rewrite mixedS /step ler_pdivr_mulr ?lam1_gt0 //.
have -> : pref x / c * (1 + lam) = pref x + lam * (K%:R * (pref x / c)).
  rewrite -[X in X + _](mulfK (lt0r_neq0 c0)) /c; field.
  by rewrite -/c gt_eqF.
rewrite ler_add2l ler_wpmul2l //; apply: le_trans (kept_le x _) _; first exact: mixed_law.
by rewrite ler_wpmul2l ?ler0n.
Qed.

End Theorem_2_4.
