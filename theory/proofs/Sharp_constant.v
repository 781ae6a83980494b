(** * Theorem 2.4 with its sharp constant

    Assumptions.  [pref] is any law on a finite type, [w] a positive weight, [K >= 1], [lam >= 0],
    [lam (K-1) <= 1] (the threshold included), [p_0 = p_ref].

    Claim.  In nats and for all [t],
    [KL(p_t || p_ref) <= - integral_0^1 ln (1 + lam - lam K x^(K-1)) dx] ([sharp_stability]).
    The integral exists ([sharp_constant_converges]), improper at the threshold; below it is an
    ordinary one ([sharp_constant_below]).
    Kind.  Upper bound.  That no smaller constant would do is not proved here.

    Source.  Sharpens Ferbach et al. 2024, Theorem 2.4; this project. *)

From Coq Require Import Reals FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Envelope Divergence Logarithms.
From CuratedLoop Require Import Entropy_integral Threshold_integral.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The distance from the real data that the loop cannot exceed, in nats.  At the threshold the
    logarithm tends to minus infinity at 1, and the integral is improper there. *)
Definition sharp_constant (K : nat) (lam : R) : R :=
  - RInt_gen (fun x : R => ln (1 + lam - lam * K%:R * x ^+ K.-1)) 
    (at_point (0 : R)) (at_left (1 : R)).

Lemma inverse_curveE (lam : R) n (m : R) :
  inverse_curve lam n m = (1 + lam) * m - lam * (1 - (1 - m) ^+ n.+1).
Proof. by rewrite /inverse_curve RpowE. Qed.

Lemma integrandE (lam : R) n :
  (fun x : R => ln (1 + lam - lam * n.+1%:R * x ^+ n.+1.-1)) =
  (fun x : R => ln (Rminus (1 + lam) (lam * INR n.+1 * pow x n))).
Proof. by apply: functional_extensionality => x; rewrite INRE RpowE. Qed.

(** The tangent of the logarithm over a cell, as the bound by the envelope asks for it. *)
Lemma log_cell_bound (u L : R -> R) :
  (forall a b c : R, Rle 0 a -> Rlt a b -> Rle b 1 -> Rlt 0 c ->
    Rle (Rminus (L b) (L a))
      (Rplus (Rmult (Rminus b a) (Rminus (ln c) 1)) (Rdiv (Rminus (u b) (u a)) c))) ->
  cell_bound (fun y => - ln y) (fun c => - c^-1) u (fun y => - L y).
Proof.
move=> tangent a b c a_ge0 a_lt_b b_le1 c_gt0.
have c_neq0 : c != 0 by rewrite gt_eqF.
have slack : L b - L a <= (b - a) * (ln c - 1) + (u b - u a) / c.
  by rewrite -RdivE //; apply/RleP/tangent; [exact/RleP|exact/RltP|exact/RleP|exact/RltP].
rewrite -subr_ge0 (_ : _ - _ = (b - a) * (ln c - 1) + (u b - u a) / c - (L b - L a)).
  by rewrite subr_ge0.
by field.
Qed.

Lemma load_of_succ (lam : R) n : lam * (n.+1%:R - 1) = lam * n%:R.
Proof. by rewrite mulrSr addrK. Qed.

Lemma load_cases (lam : R) n : 0 <= lam -> lam * (n.+1%:R - 1) <= 1 ->
  Rlt (Rmult lam (INR n)) 1 \/ (Rlt 0 lam /\ Rmult lam (INR n) = 1).
Proof.
rewrite load_of_succ INRE RmultE le_eqVlt => /orP[/eqP <-|lam_gt0].
  by move=> _; left; apply/RltP; rewrite mul0r ltr01.
rewrite le_eqVlt => /orP[/eqP critical|subcritical]; last by left; apply/RltP.
by right; split; first exact/RltP.
Qed.

(** Below the threshold and on it there is an integral of the logarithm with all that the bound
    by the envelope asks of it. *)
Lemma integral_of_log (lam : R) n : 0 <= lam -> lam * (n.+1%:R - 1) <= 1 ->
  exists L : R -> R, [/\ L 0 = 0, 
    cell_bound (fun y => - ln y) (fun c => - c^-1) (inverse_curve lam n) (fun y => - L y) &
    is_RInt_gen (fun x : R => ln (1 + lam - lam * n.+1%:R * x ^+ n.+1.-1))
      (at_point (0 : R)) (at_left (1 : R)) (L 1)].
Proof.
move=> lam_ge0 load_le1; have [subcritical|[lam_gt0 critical]] := load_cases lam_ge0 load_le1.
  have /RleP lam_Rge0 := lam_ge0.
  exists (cumulative_log lam n); split; first exact: cumulative_log_0.
    exact: log_cell_bound (cumulative_log_cell _ _ lam_Rge0 subcritical).
  rewrite integrandE; apply: improper_integral; first exact: cumulative_log_0.
    exact: cumulative_log_continuous_0.
  by move=> a b a_gt0 a_lt_b b_le1; apply: cumulative_log_integral => //; apply: Rlt_le.
exists (threshold_log lam n); split; first exact: threshold_log_0.
  exact: log_cell_bound (threshold_log_cell _ _ lam_gt0 critical).
rewrite integrandE; apply: improper_integral; first exact: threshold_log_0.
  exact: threshold_log_continuous_0.
exact: threshold_log_integral.
Qed.

(** The improper integral exists. *)
Theorem sharp_constant_converges K (lam : R) : (0 < K)%N -> 0 <= lam -> lam * (K%:R - 1) <= 1 ->
  is_RInt_gen (fun x : R => ln (1 + lam - lam * K%:R * x ^+ K.-1))
    (at_point (0 : R)) (at_left (1 : R))
    (- sharp_constant K lam).
Proof.
case: K => // n _ lam_ge0 load_le1; have [L [_ _ integral]] := integral_of_log lam_ge0 load_le1.
by rewrite /sharp_constant opprK (is_RInt_gen_unique _ _ integral).
Qed.

(** Below the threshold it is an ordinary integral. *)
Theorem sharp_constant_below K (lam : R) : (0 < K)%N -> 0 <= lam -> lam * (K%:R - 1) < 1 ->
  sharp_constant K lam = - RInt (fun x : R => ln (1 + lam - lam * K%:R * x ^+ K.-1)) 0 1.
Proof.
case: K => // n _ /RleP lam_ge0; rewrite load_of_succ -INRE => /RltP subcritical.
have integral := improper_integral _ _ _ (cumulative_log_0 lam n)
  (cumulative_log_continuous_0 _ _ lam_ge0 subcritical)
  (fun a b a_gt0 => cumulative_log_integral _ _ lam_ge0 subcritical a b (Rlt_le _ _ a_gt0)).
rewrite /sharp_constant integrandE (is_RInt_gen_unique _ _ integral); congr (- _).
exact: sharp_integral_value.
Qed.

Section Sharp_constant.

Variables (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam).
Hypotheses (w_gt0 : positive w) (pref_law : law pref).

(** Theorem 2.4, sharpened: every law, every reward, every K, every round. *)
Theorem sharp_stability t : lam * (K%:R - 1) <= 1 ->
  relative_entropy (mixed K lam w pref pref t) pref <= sharp_constant K lam.
Proof.
have same_support := mixed_support K_gt0 lam_ge0 w_gt0 pref_law t.
have p_law := mixed_law K_gt0 lam_ge0 w_gt0 pref_law t pref_law.
move=> load_le1.
have set_bound A := inverse_envelope K_gt0 lam_ge0 w_gt0 pref_law A t load_le1.
case: K K_gt0 same_support p_law load_le1 set_bound => // n _ same_support p_law load_le1 set_bound.
have [L [L_0 L_bound integral]] := integral_of_log lam_ge0 load_le1.
rewrite /sharp_constant (is_RInt_gen_unique _ _ integral).
rewrite (relative_entropyE p_law same_support).
apply: (divergence_below_envelope p_law pref_law same_support _ _ _ L_bound) => [|||c d|A].
- by rewrite inverse_curveE mulr0 subr0 expr1n subrr mulr0 subr0.
- by rewrite inverse_curveE mulr1 subrr expr0n /= subr0 mulr1 addrK.
- by rewrite L_0 oppr0.
- by move=> c_gt0 c_le_d; rewrite ler_opp2 lef_pinv // posrE // (lt_le_trans c_gt0).
- by rewrite inverse_curveE; exact: set_bound.
Qed.

End Sharp_constant.
