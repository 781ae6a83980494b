(** * The reverse relative entropy: how much of the real data the loop can forget

    Assumptions.  [pref] is any law on a finite type, [w] a positive weight, [K >= 1], [lam >= 0],
    [lam (K-1) <= 1] (the threshold included), [p_0 = p_ref].

    Claim.  In nats and for all [t],
    [KL(p_ref || p_t) <= integral_0^1 h ln h dx] with [h(x) = 1 + lam - lam K x^(K-1)]
    ([sharp_reverse_kl]).  Logarithms.v has [ln (1 + lam)], for every [lam].

    Kind.  Upper bound.  That no smaller constant would do is not proved here.

    Source.  This project. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Envelope Divergence Logarithms.
From CuratedLoop Require Import Entropy_integral Threshold_integral Entropy_cells.
From CuratedLoop Require Import Sharp_constant.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma xlnx_cell_bound (u L : R -> R) :
  (forall a b c : R, Rle 0 a -> Rlt a b -> Rle b 1 -> Rlt 0 c ->
    Rle (Rminus (Rmult (Rplus (ln c) 1) (Rminus (u b) (u a))) (Rmult c (Rminus b a)))
      (Rminus (L b) (L a))) ->
  cell_bound xlnx (fun c => ln c + 1) u L.
Proof.
move=> tangent a b c a_ge0 a_lt_b b_le1 c_gt0.
have slack : (ln c + 1) * (u b - u a) - c * (b - a) <= L b - L a.
  by apply/RleP/tangent; [exact/RleP|exact/RltP|exact/RleP|exact/RltP].
apply: le_trans slack; rewrite /xlnx RmultE le_eqVlt; apply/orP; left; apply/eqP.
by ring.
Qed.

Lemma xlnx_slope_increasing (c d : R) : 0 < c -> c <= d -> ln c + 1 <= ln d + 1.
Proof. by move=> c_gt0 c_le_d; rewrite ler_add2r ln_le. Qed.

Lemma relative_entropy_swap (T : finType) (p q : T -> R) : law q ->
  (forall x, (0 < p x) = (0 < q x)) -> relative_entropy q p = divergence xlnx p q.
Proof.
move=> [q_ge0 _] same_support; rewrite /divergence [RHS]big_mkcond; apply: eq_bigr => x _.
case: ifPn => [p_gt0|]; first by rewrite /xlnx RmultE mulrA [p x * _]mulrC divfK ?gt_eqF.
rewrite same_support => q_le0; have -> : q x = 0 by apply/eqP; rewrite eq_le q_ge0 andbT leNgt.
by rewrite mul0r.
Qed.

Section With_real_data.

Variables (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).

Let h (x : R) : R := 1 + lam - lam * K%:R * x ^+ K.-1.

Theorem sharp_reverse_kl t : lam * (K%:R - 1) <= 1 ->
  relative_entropy pref (mixed K lam w pref pref t) <= RInt (fun x : R => h x * ln (h x)) 0 1.
Proof.
have same_support := mixed_support K_gt0 lam_ge0 w_gt0 pref_law t.
have p_law := mixed_law K_gt0 lam_ge0 w_gt0 pref_law t pref_law.
move=> load_le1; rewrite (relative_entropy_swap pref_law same_support).
have set_bound A := inverse_envelope K_gt0 lam_ge0 w_gt0 pref_law A t load_le1.
move: set_bound; rewrite /h.
case: K K_gt0 same_support p_law load_le1 => // n _ same_support p_law load_le1 set_bound.
have slope_ge0 m : Rle 0 m /\ Rle m 1 -> Rle 0 (inverse_slope lam n m).
  move=> m_in; have [subcritical|[lam_gt0 critical]] := load_cases lam_ge0 load_le1.
    by apply: Rlt_le; apply: inverse_slope_gt0 => //; exact/RleP.
  rewrite inverse_slope_factor //; apply: Rmult_le_pos; first by case: m_in.
  by apply: Rlt_le; apply: cofactor_gt0 => //; case: m_in.
pose slope := inverse_slope lam n.
have cells := xlnx_cell_bound (cumulative_xlnx_cell _ slope
  (inverse_curve_derivative lam n) (inverse_slope_continuous lam n) slope_ge0).
have -> : RInt (fun x : R => (1 + lam - lam * n.+1%:R * x ^+ n) *
    ln (1 + lam - lam * n.+1%:R * x ^+ n)) 0 1 = cumulative_xlnx slope 1.
  apply: is_RInt_unique.
  apply: (is_RInt_ext (fun x => xlnx (slope (Rminus 1 x)))).
    move=> x _; rewrite /xlnx /slope /inverse_slope.
    have -> : Rminus 1 (Rminus 1 x) = x by rewrite !RminusE subKr.
    by rewrite INRE RpowE.
  apply: (is_RInt_reflect (fun m => xlnx (slope m))).
  rewrite Rminus_diag_eq // Rminus_0_r.
  apply: (RInt_correct (V := R_CompleteNormedModule)).
  apply: (ex_RInt_continuous (V := R_CompleteNormedModule)) => m _.
  by apply: continuous_comp; [exact: inverse_slope_continuous | exact: xlnx_continuous].
apply: (divergence_below_envelope p_law pref_law same_support _ _ _ cells) => [|||c d|A].
- by rewrite inverse_curveE mulr0 subr0 expr1n subrr mulr0 subr0.
- by rewrite inverse_curveE mulr1 subrr expr0n /= subr0 mulr1 addrK.
- by rewrite /cumulative_xlnx RInt_point.
- exact: xlnx_slope_increasing.
- by rewrite inverse_curveE; exact: set_bound.
Qed.

End With_real_data.
