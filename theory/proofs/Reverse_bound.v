(** * The reverse bound: real data keep a share of every density

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight,
    [K >= 1], [lam >= 0], [p_0 = p_ref].

    Claim.  [p_t(x) >= p_ref(x) / (1+lam)] for all [t] and [x] ([density_bounded_below]);
    so the mean of log(p_ref/p_t) under [p_ref] is at most [log(1+lam)].

    Kind.  Lower bound, approached by a point whose weight is much the smallest.

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From CuratedLoop Require Import Loop Draws.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Reverse_bound.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).

Theorem density_bounded_below t x : pref x / (1 + lam) <= mixed K lam w pref pref t x.
Proof.
have [r0 _] := pref_law; case: t => [|t].
  by rewrite ler_pdivr_mulr ?lam1_gt0 // -[leLHS]mulr1 ler_wpmul2l // ler_addl.
rewrite mixedS /step ler_wpmul2r ?invr_ge0 ?(ltW (lam1_gt0 _)) // ler_addl mulr_ge0 //.
by have [] := kept_law w_gt0 K_gt0 (mixed_law K_gt0 lam_ge0 w_gt0 pref_law t pref_law).
Qed.

End Reverse_bound.
