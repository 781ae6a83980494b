(** * The same integrals at the threshold

    Assumptions.  [K = n+1], [lam > 0] and [lam (K-1) = 1].

    Claim.  There the slope vanishes at 0 and its logarithm is unbounded.  Dividing the zero out,
    [u'(m) = m v(m)] with [v(m) = lam K (1 + (1-m) + ... + (1-m)^(K-2)) > 0]
    ([inverse_slope_factor]), so
    [y |-> y ln y - y + RInt (ln v) 0 y] has the integrals of [ln u'] as its increments
    ([threshold_log_integral]), is continuous at 0 and obeys the bound over every cell, cells that
    begin at 0 included ([threshold_log_cell]).

    Kind.  Equalities, and an upper bound over cells.

    Source.  This project; calculus. *)

From Coq Require Import Reals Lra ssreflect.
From Coquelicot Require Import Coquelicot.
From CuratedLoop Require Import Entropy_integral.

Local Open Scope R_scope.

Section At_the_threshold.

Variables (lam : R) (n : nat).
Hypotheses (lam_gt0 : 0 < lam) (critical : lam * INR n = 1).

Let n_gt0 : (0 < n)%nat.
Proof.
by have := critical; case: n => [|k _]; [rewrite /=; lra | apply: Nat.lt_0_succ].
Qed.

Fixpoint geometric (k : nat) (m : R) : R :=
  match k with O => 0 | S j => geometric j m + (1 - m) ^ j end.

Lemma geometric_sum k m : m * geometric k m = 1 - (1 - m) ^ k.
Proof. by elim: k => [|k IH] /=; [ring | rewrite Rmult_plus_distr_l IH; ring]. Qed.

Lemma geometric_ge0 k m : m <= 1 -> 0 <= geometric k m.
Proof.
move=> m_le1; elim: k => [|k IH] /=; first lra.
by apply: Rplus_le_le_0_compat => //; apply: pow_le; lra.
Qed.

Lemma geometric_ge1 k m : (0 < k)%nat -> m <= 1 -> 1 <= geometric k m.
Proof.
case: k => [/Nat.lt_irrefl //|k _ m_le1]; elim: k => [|k IH] /=; first lra.
have := pow_le (1 - m) (S k); rewrite /= in IH *; lra.
Qed.

Lemma geometric_continuous k m : continuous (geometric k) m.
Proof.
elim: k => [|k IH] /=; first exact: continuous_const.
apply: (continuous_plus (V := R_NormedModule)) => //.
by apply: ex_derive_continuous; auto_derive.
Qed.

(** What is left of the inverse density when its zero at 0 is divided out. *)
Definition cofactor (m : R) : R := lam * INR (S n) * geometric n m.

Lemma inverse_slope_factor m : inverse_slope lam n m = m * cofactor m.
Proof.
have -> : m * cofactor m = lam * INR (S n) * (m * geometric n m) by rewrite /cofactor; ring.
rewrite geometric_sum /inverse_slope S_INR; have := critical; nra.
Qed.

Lemma cofactor_gt0 m : m <= 1 -> 0 < cofactor m.
Proof.
move=> m_le1; apply: Rmult_lt_0_compat; last by have := geometric_ge1 n m n_gt0 m_le1; lra.
by apply: Rmult_lt_0_compat => //; apply: lt_0_INR; apply: Nat.lt_0_succ.
Qed.

Lemma cofactor_continuous m : continuous cofactor m.
Proof.
apply: (continuous_scal_r (K := R_AbsRing) (V := R_NormedModule)); exact: geometric_continuous.
Qed.

Lemma ln_cofactor_continuous m : m <= 1 -> continuous (fun x => ln (cofactor x)) m.
Proof.
move=> m_le1; apply: (ln_continuous_on cofactor m m); last lra.
  by move=> x _; exact: cofactor_continuous.
by move=> x x_in; apply: cofactor_gt0; lra.
Qed.

Lemma ex_RInt_ln_cofactor a b : a <= 1 -> b <= 1 -> ex_RInt (fun x => ln (cofactor x)) a b.
Proof.
move=> a_le1 b_le1; apply: (ex_RInt_continuous (V := R_CompleteNormedModule)) => m m_in.
apply: ln_cofactor_continuous; have := Rmax_lub a b 1 a_le1 b_le1; lra.
Qed.

Definition threshold_log (y : R) : R := y * ln y - y + RInt (fun m => ln (cofactor m)) 0 y.

Lemma threshold_log_integral a b : 0 < a -> a < b -> b <= 1 ->
  is_RInt (fun m => ln (inverse_slope lam n m)) a b (threshold_log b - threshold_log a).
Proof.
move=> a_gt0 a_lt_b b_le1.
apply: (is_RInt_ext (fun m => plus (ln m) (ln (cofactor m)))).
  rewrite Rmin_left ?Rmax_right; try lra; move=> m m_in.
  rewrite inverse_slope_factor ln_mult //; [lra | apply: cofactor_gt0; lra].
have -> : threshold_log b - threshold_log a =
    plus (minus (b * ln b - b) (a * ln a - a)) (RInt (fun m => ln (cofactor m)) a b).
  rewrite /threshold_log -(RInt_Chasles (fun m => ln (cofactor m)) 0 a b).
  - by rewrite /plus /minus /opp /=; rewrite /plus /=; ring.
  - by apply: ex_RInt_ln_cofactor; lra.
  - by apply: ex_RInt_ln_cofactor; lra.
apply: (is_RInt_plus (V := R_NormedModule)).
  apply: (is_RInt_derive (V := R_CompleteNormedModule) (fun m => m * ln m - m)) => m;
    rewrite Rmin_left ?Rmax_right; try lra; move=> m_in.
    by auto_derive; [lra | field; lra].
  apply: (ln_continuous_on (fun x => x) m m); last lra; first by move=> x _; exact: continuous_id.
  move=> x x_in; lra.
by apply: (RInt_correct (V := R_CompleteNormedModule)); apply: ex_RInt_ln_cofactor; lra.
Qed.

Lemma xlnx_continuous_0 : continuous (fun y => y * ln y) 0.
Proof.
apply/filterlim_locally => eps; rewrite Rmult_0_l.
have delta_gt0 : 0 < Rmin 1 (eps / 2 * (eps / 2)).
  by have := cond_pos eps; move=> eps_gt0; apply: Rmin_pos; nra.
exists (mkposreal _ delta_gt0) => y /=.
rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /= Ropp_0 !Rplus_0_r => y_small.
have [y_le0|y_gt0] := Rle_or_lt y 0.
  have -> : ln y = 0 by rewrite /ln; case: Rlt_dec => // y_gt0; exfalso; lra.
  by rewrite Rmult_0_r Rabs_R0; exact: cond_pos.
rewrite Rabs_pos_eq in y_small; last lra.
have y_lt1 := Rlt_le_trans _ _ _ y_small (Rmin_l _ _).
have y_lt := Rlt_le_trans _ _ _ y_small (Rmin_r _ _).
set r := sqrt y; have r_gt0 : 0 < r by exact: sqrt_lt_R0.
have y_r : y = r * r by rewrite sqrt_sqrt; lra.
have eps_gt0 := cond_pos eps.
have r_lt : r < eps / 2 by rewrite y_r in y_lt; nra.
have r_lt1 : r < 1 by rewrite y_r in y_lt1; nra.
have ln_r : ln (/ r) <= / r - 1.
  by have := ln_le_tangent 1 (/ r) Rlt_0_1 (Rinv_0_lt_compat _ r_gt0); rewrite ln_1; lra.
rewrite ln_Rinv // in ln_r.
have ln_r_lt0 : ln r < 0 by rewrite -ln_1; apply: ln_increasing.
have bound : r * - ln r <= r * (/ r - 1) by apply: Rmult_le_compat_l; lra.
rewrite Rmult_minus_distr_l Rinv_r in bound; last lra.
rewrite y_r ln_mult // Rabs_left; nra.
Qed.

Lemma threshold_log_0 : threshold_log 0 = 0.
Proof. by rewrite /threshold_log RInt_point /zero /=; ring. Qed.

Lemma threshold_log_continuous_0 : continuous threshold_log 0.
Proof.
apply: (continuous_plus (V := R_NormedModule)).
  apply: (continuous_minus (V := R_NormedModule)); first exact: xlnx_continuous_0.
  exact: continuous_id.
apply: (continuous_RInt_1 (V := R_NormedModule) (fun m => ln (cofactor m)) 0).
exists (mkposreal 1 Rlt_0_1) => z /= z_near.
apply: (RInt_correct (V := R_CompleteNormedModule)); apply: ex_RInt_ln_cofactor; first lra.
move: z_near; rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /= Ropp_0 Rplus_0_r.
by move=> /Rabs_def2; lra.
Qed.

Lemma threshold_log_cell a b c : 0 <= a -> a < b -> b <= 1 -> 0 < c ->
  threshold_log b - threshold_log a <=
  (b - a) * (ln c - 1) + (inverse_curve lam n b - inverse_curve lam n a) / c.
Proof.
move=> a_ge0 a_lt_b b_le1 c_gt0.
have interior x : 0 < x -> x < b -> threshold_log b - threshold_log x <=
    (b - x) * (ln c - 1) + (inverse_curve lam n b - inverse_curve lam n x) / c.
  move=> x_gt0 x_lt_b.
  rewrite -(is_RInt_unique _ _ _ _ (threshold_log_integral x b x_gt0 x_lt_b b_le1)).
  apply: (tangent_over_cell (inverse_curve lam n)) => // m m_in.
  - exact: inverse_curve_derivative.
  - exact: inverse_slope_continuous.
  - by rewrite inverse_slope_factor; apply: Rmult_lt_0_compat; [|apply: cofactor_gt0]; lra.
have [a_gt0|<-] : 0 < a \/ 0 = a by lra.
  exact: interior.
pose gap x := (b - x) * (ln c - 1) + (inverse_curve lam n b - inverse_curve lam n x) / c -
  (threshold_log b - threshold_log x).
have gap_continuous : continuous gap 0.
  apply: (continuous_minus (V := R_NormedModule)); last first.
    apply: (continuous_minus (V := R_NormedModule)); first exact: continuous_const.
    exact: threshold_log_continuous_0.
  by apply: ex_derive_continuous; rewrite /inverse_curve; auto_derive; lra.
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

Lemma threshold_value : threshold_log 1 = RInt (fun m => ln (cofactor m)) 0 1 - 1.
Proof. by rewrite /threshold_log ln_1; ring. Qed.

End At_the_threshold.
