(** * The function y ln y over cells

    Assumptions.  [R] and its operations are those of the standard library.

    Claim.  [y ln y] is continuous, 0 at 0 ([xlnx_continuous]); over a cell where [u' >= 0],
    [RInt (u' ln u') a b >= (ln c + 1) (u b - u a) - c (b - a)] for every [c > 0], the tangent at
    [c] ([xlnx_over_cell]); and for [u(m) = m^N] there is an integral in closed form that obeys
    this over every cell of [[0, 1]] ([power_log_cell]), with the value [ln N - 1 + 1/N] at 1.

    Kind.  Lower bounds.

    Source.  This project; calculus. *)

From Coq Require Import Reals Lra ssreflect.
From Coquelicot Require Import Coquelicot.
From CuratedLoop Require Import Entropy_integral Threshold_integral.

Local Open Scope R_scope.

Definition xlnx (y : R) : R := y * ln y.

Lemma ln_nonpositive y : y <= 0 -> ln y = 0.
Proof. by move=> y_le0; rewrite /ln; case: Rlt_dec => // y_gt0; exfalso; lra. Qed.

Lemma xlnx_continuous y : continuous xlnx y.
Proof.
have [y_gt0|[->|y_lt0]] : 0 < y \/ y = 0 \/ y < 0 by lra.
- by apply: ex_derive_continuous; rewrite /xlnx; auto_derive.
- exact: xlnx_continuous_0.
- apply: (continuous_ext_loc _ (fun _ => 0)); last exact: continuous_const.
  have d_gt0 : 0 < - y by lra.
  exists (mkposreal _ d_gt0) => z; rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /=.
  by move=> /Rabs_def2 near; rewrite /xlnx ln_nonpositive; lra.
Qed.

Lemma xlnx_tangent c y : 0 < c -> 0 <= y -> (ln c + 1) * y - c <= xlnx y.
Proof.
move=> c_gt0 y_ge0; rewrite /xlnx; have [y_gt0|<-] : 0 < y \/ 0 = y by lra.
  have := ln_le_tangent y c y_gt0 c_gt0 => bound.
  have : y * ln c <= y * (ln y - 1 + c / y) by apply: Rmult_le_compat_l; lra.
  have -> : y * (ln y - 1 + c / y) = y * ln y - y + c by field; lra.
  lra.
lra.
Qed.

Section Cell.

Variables (u g : R -> R) (a b c : R).
Hypotheses (a_lt_b : a < b) (c_gt0 : 0 < c).
Hypotheses (u_derivative : forall m, a <= m <= b -> is_derive u m (g m)).
Hypotheses (g_continuous : forall m, a <= m <= b -> continuous g m).
Hypotheses (g_ge0 : forall m, a <= m <= b -> 0 <= g m).

Lemma ex_RInt_xlnx : ex_RInt (fun m => xlnx (g m)) a b.
Proof.
apply: (ex_RInt_continuous (V := R_CompleteNormedModule)) => m.
rewrite Rmin_left ?Rmax_right; [|lra..] => m_in.
by apply: continuous_comp; [exact: g_continuous | exact: xlnx_continuous].
Qed.

Lemma xlnx_over_cell :
  (ln c + 1) * (u b - u a) - c * (b - a) <= RInt (fun m => xlnx (g m)) a b.
Proof.
have increment : is_RInt g a b (u b - u a).
  apply: (is_RInt_derive (V := R_CompleteNormedModule) u) => m;
    rewrite Rmin_left ?Rmax_right; try lra.
    exact: u_derivative.
  exact: g_continuous.
have tangent : is_RInt (fun m => (ln c + 1) * g m - c) a b
    ((ln c + 1) * (u b - u a) - c * (b - a)).
  apply: (is_RInt_minus (V := R_NormedModule)).
    exact: (is_RInt_scal (V := R_NormedModule)).
  have -> : c * (b - a) = scal (b - a) c by rewrite /scal /= /mult /=; ring.
  exact: (is_RInt_const (V := R_NormedModule)).
rewrite -(is_RInt_unique _ _ _ _ tangent).
apply: RInt_le; [lra | by eexists; exact: tangent | exact: ex_RInt_xlnx |].
by move=> m m_in; apply: xlnx_tangent => //; apply: g_ge0; lra.
Qed.

End Cell.

(** Any [u] with a continuous slope that is nowhere negative on [[0, 1]]. *)
Section Integral.

Variables (u g : R -> R).
Hypotheses (u_derivative : forall m, is_derive u m (g m)).
Hypotheses (g_continuous : forall m, continuous g m).
Hypotheses (g_ge0 : forall m, 0 <= m <= 1 -> 0 <= g m).

Definition cumulative_xlnx (y : R) : R := RInt (fun m => xlnx (g m)) 0 y.

Lemma cumulative_xlnx_cell a b c : 0 <= a -> a < b -> b <= 1 -> 0 < c ->
  (ln c + 1) * (u b - u a) - c * (b - a) <= cumulative_xlnx b - cumulative_xlnx a.
Proof.
move=> a_ge0 a_lt_b b_le1 c_gt0.
have ex x y : ex_RInt (fun m => xlnx (g m)) x y.
  apply: (ex_RInt_continuous (V := R_CompleteNormedModule)) => m _.
  by apply: continuous_comp; [exact: g_continuous | exact: xlnx_continuous].
have -> : cumulative_xlnx b - cumulative_xlnx a = RInt (fun m => xlnx (g m)) a b.
  by rewrite /cumulative_xlnx -(RInt_Chasles _ 0 a b) //; rewrite /plus /=; ring.
by apply: (xlnx_over_cell u) => // m m_in; apply: g_ge0; lra.
Qed.

End Integral.

(** The power [m^N], [N = n+1]. *)
Section Power.

Variable n : nat.

Definition power_log (y : R) : R :=
  y ^ S n * ln (INR (S n)) + INR n * (y ^ n * xlnx y - y ^ S n / INR (S n)).

Let N_gt0 : 0 < INR (S n). Proof. exact/lt_0_INR/Nat.lt_0_succ. Qed.

Lemma power_log_0 : power_log 0 = 0.
Proof. by rewrite /power_log /xlnx /=; field; exact: Rgt_not_eq. Qed.

Lemma power_log_1 : power_log 1 = ln (INR (S n)) - 1 + / INR (S n).
Proof.
by rewrite /power_log /xlnx !pow1 ln_1 S_INR; field; rewrite -S_INR; exact: Rgt_not_eq.
Qed.

Lemma power_log_continuous_0 : continuous power_log 0.
Proof.
apply: (continuous_plus (V := R_NormedModule)).
  by apply: ex_derive_continuous; auto_derive.
apply: (continuous_scal_r (K := R_AbsRing) (V := R_NormedModule)).
apply: (continuous_minus (V := R_NormedModule)).
  apply: (continuous_mult (K := R_AbsRing)); last exact: xlnx_continuous.
  by apply: ex_derive_continuous; auto_derive.
by apply: ex_derive_continuous; auto_derive.
Qed.

Lemma power_log_derivative y : 0 < y ->
  is_derive power_log y (xlnx (INR (S n) * y ^ n)).
Proof.
move=> y_gt0; rewrite /power_log /xlnx ln_mult //; last exact: pow_lt.
rewrite ln_pow //.
apply: (is_derive_ext (fun z => z ^ S n * ln (INR (S n)) +
    INR n * (z ^ S n * ln z - z ^ S n / INR (S n)))).
  by move=> z /=; ring.
auto_derive; first by [].
rewrite /Nat.pred -/(INR (S n)) -/(y ^ S n) (_ : y ^ S n = y * y ^ n) //.
move: N_gt0; set k := INR (S n); set q := y ^ n => k_gt0.
by field; split; exact: Rgt_not_eq.
Qed.

Let slope (m : R) : R := INR (S n) * m ^ n.

Let slope_continuous m : continuous slope m.
Proof. by apply: ex_derive_continuous; rewrite /slope; auto_derive. Qed.

Let power_derivative m : is_derive (fun y => y ^ S n) m (slope m).
Proof.
rewrite /slope; auto_derive => //.
by rewrite /Nat.pred -/(INR (S n)); set k := INR (S n); ring.
Qed.

Lemma power_log_cell a b c : 0 <= a -> a < b -> b <= 1 -> 0 < c ->
  (ln c + 1) * (b ^ S n - a ^ S n) - c * (b - a) <= power_log b - power_log a.
Proof.
move=> a_ge0 a_lt_b b_le1 c_gt0.
have interior x : 0 < x -> x < b ->
    (ln c + 1) * (b ^ S n - x ^ S n) - c * (b - x) <= power_log b - power_log x.
  move=> x_gt0 x_lt_b.
  have integral : is_RInt (fun m => xlnx (slope m)) x b (power_log b - power_log x).
    apply: (is_RInt_derive (V := R_CompleteNormedModule) power_log) => m;
      rewrite Rmin_left ?Rmax_right; try lra; move=> m_in.
      by apply: power_log_derivative; lra.
    by apply: continuous_comp; [exact: slope_continuous | exact: xlnx_continuous].
  rewrite -(is_RInt_unique _ _ _ _ integral).
  apply: (xlnx_over_cell (fun y => y ^ S n)) => // m m_in.
  by apply: Rmult_le_pos; [exact: Rlt_le | apply: pow_le; lra].
have [a_gt0|<-] : 0 < a \/ 0 = a by lra.
  exact: interior.
pose gap x := power_log b - power_log x -
  ((ln c + 1) * (b ^ S n - x ^ S n) - c * (b - x)).
have gap_continuous : continuous gap 0.
  apply: (continuous_minus (V := R_NormedModule)).
    apply: (continuous_minus (V := R_NormedModule)); first exact: continuous_const.
    exact: power_log_continuous_0.
  by apply: ex_derive_continuous; auto_derive.
suff: 0 <= gap 0 by rewrite /gap; lra.
have gap_limit : filterlim gap (at_right 0) (locally (gap 0)).
  exact: (filterlim_filter_le_1 _ (filter_le_within _) gap_continuous).
apply: (filterlim_le (F := at_right 0) (fun _ => 0) gap 0 (gap 0)) => //.
  have b_gt0 : 0 < b by lra.
  exists (mkposreal b b_gt0) => x /= x_near x_gt0.
  have x_lt_b : x < b.
    move: x_near; rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /= Ropp_0 Rplus_0_r.
    by move=> /Rabs_def2; lra.
  by have := interior x x_gt0 x_lt_b; rewrite /gap; lra.
exact: filterlim_const.
Qed.

End Power.
