(** * The Price identity, and the loop without a choice

    Assumptions.  Laws on a finite type, [w] a positive weight, [K >= 1], [lam >= 0].

    Claim.  With H the density of the kept sample,
    [E_{C_K(p)}[f] - E_p[f] = E_p[f H] - E_p[f] E_p[H]], the covariance of [f] and
    H, for every [f] ([price_identity]); [E_p[H] = 1] ([density_mean]).  With one
    draw per round [p_t - p_ref = (lam/(1+lam))^t (p_0 - p_ref)]
    ([no_curation_mixed]) and the pure loop stands still ([no_curation_pure]).

    Kind.  Equalities.

    Source.  Price's equation; the rest follows from equation (2) of Ferbach et al. 2024. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Price_identity.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Hypothesis w_gt0 : positive w.
Implicit Types (p f : T -> R).

Lemma density_mean p n : law p -> mean p (density w p n) = 1.
Proof.
move=> lp; have [_ <-] := kept_law w_gt0 (ltn0Sn n) lp.
by apply: eq_bigr => x _; rewrite kept_density.
Qed.

Theorem price_identity p f n : law p ->
  mean (kept n.+1 w p) f - mean p f =
  mean p (fun x => f x * density w p n x) - mean p f * mean p (density w p n).
Proof.
move=> lp; rewrite density_mean // mulr1; congr (_ - _).
by apply: eq_bigr => x _; rewrite kept_density mulrAC mulrA.
Qed.

Section One_draw.

Variables (lam : R) (pref p0 : T -> R).
Hypotheses (lam_ge0 : 0 <= lam).

Theorem no_curation_mixed t x :
  mixed 1 lam w pref p0 t x - pref x = (lam / (1 + lam)) ^+ t * (p0 x - pref x).
Proof.
elim: t => [|t IH]; first by rewrite expr0 mul1r.
rewrite mixedS /step one_draw // exprS -mulrA -IH; field.
by rewrite gt_eqF ?lam1_gt0.
Qed.

Theorem no_curation_pure t x : pure 1 w p0 t x = p0 x.
Proof. by elim: t => // t IH; rewrite pureS one_draw. Qed.

End One_draw.

End Price_identity.
