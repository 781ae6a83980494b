(** * Integrals of the logarithm of the inverse envelope's slope

    Assumptions.  [K = n+1 >= 1] draws, [lam >= 0].  Here [R] and its operations are those of the
    standard library, integrals are Coquelicot's.

    Claim.  With [u(m) = (1+lam) m - lam (1 - (1-m)^K)] and its slope
    [u'(m) = 1 + lam - lam K (1-m)^(K-1)]:
    - over a cell where [u' > 0], [RInt (ln u') a b <= (b-a) (ln c - 1) + (u b - u a) / c] for every
      [c > 0] ([tangent_over_cell]);
    - whatever has these integrals as its increments and is continuous at 0 gives the improper
      integral of [ln (1 + lam - lam K x^(K-1))], [x = 1 - m], from 0 to 1 ([improper_integral]);
    - below the threshold, [lam (K-1) < 1], [y |-> RInt (ln u') 0 y] does
      ([cumulative_log_cell], [cumulative_log_integral]).

    Kind.  Equalities, and an upper bound over cells.

    Source.  This project; calculus. *)

From Coq Require Import Reals Lra Psatz ssreflect.
From Coquelicot Require Import Coquelicot.

Local Open Scope R_scope.

(** The tangent of the logarithm at [c]. *)
Lemma ln_le_tangent c y : 0 < c -> 0 < y -> ln y <= ln c - 1 + y / c.
Proof.
move=> c0 y0; have r0 : 0 < y / c by exact: Rdiv_lt_0_compat.
have -> : ln y = ln c + ln (y / c).
  by rewrite -ln_mult //; congr ln; field; lra.
have := exp_ineq1_le (ln (y / c)); rewrite exp_ln //; lra.
Qed.

Section Cell.

Variables (u g : R -> R) (a b c : R).
Hypotheses (a_lt_b : a < b) (c_gt0 : 0 < c).
Hypotheses (u_derivative : forall m, a <= m <= b -> is_derive u m (g m)).
Hypotheses (g_continuous : forall m, a <= m <= b -> continuous g m).
Hypotheses (g_gt0 : forall m, a <= m <= b -> 0 < g m).

Lemma ln_continuous_on m : a <= m <= b -> continuous (fun m => ln (g m)) m.
Proof.
move=> m_in; apply: continuous_comp; first exact: g_continuous.
apply: ex_derive_continuous; exists (/ g m); apply/is_derive_Reals.
by apply: derivable_pt_lim_ln; exact: g_gt0.
Qed.

Lemma ex_RInt_ln : ex_RInt (fun m => ln (g m)) a b.
Proof.
apply: ex_RInt_continuous => m; rewrite Rmin_left ?Rmax_right; [|lra..].
exact: ln_continuous_on.
Qed.

(** Over one cell, the mean of [ln u'] is at most the tangent's value there. *)
Lemma tangent_over_cell : RInt (fun m => ln (g m)) a b <= (b - a) * (ln c - 1) + (u b - u a) / c.
Proof.
have increment : is_RInt g a b (u b - u a).
  rewrite -[u b - u a]/(minus (u b) (u a)).
  apply: (is_RInt_derive (V := R_CompleteNormedModule) u) => m;
    rewrite Rmin_left ?Rmax_right; try lra.
    exact: u_derivative.
  exact: g_continuous.
have tangent :
    is_RInt (fun m => ln c - 1 + g m / c) a b ((b - a) * (ln c - 1) + (u b - u a) / c).
  apply: (is_RInt_plus (V := R_NormedModule)).
    exact: (is_RInt_const (V := R_NormedModule)).
  apply: (is_RInt_ext (fun m => scal (/ c) (g m))).
    by move=> m _; rewrite /scal /= /mult /=; field; lra.
  have -> : (u b - u a) / c = scal (/ c) (u b - u a).
    by rewrite /scal /= /mult /=; field; lra.
  exact: is_RInt_scal.
rewrite -(is_RInt_unique _ _ _ _ tangent).
apply: RInt_le; [lra | exact: ex_RInt_ln | by eexists; exact: tangent |].
by move=> m m_in; apply: ln_le_tangent => //; apply: g_gt0; lra.
Qed.

End Cell.

(** Reflection of an interval of integration. *)
Lemma is_RInt_reflect (f : R -> R) a b l :
  is_RInt f (1 - b) (1 - a) l -> is_RInt (fun x => f (1 - x)) a b l.
Proof.
move=> integral.
apply: (is_RInt_ext (fun x => opp (scal (-1) (f (-1 * x + 1))))).
  move=> x _; rewrite /opp /scal /= /mult /=.
  by rewrite (_ : -1 * x + 1 = 1 - x); [ring | ring].
rewrite -[l]opp_opp; apply: is_RInt_opp; apply: is_RInt_swap.
apply: (is_RInt_comp_lin (V := R_NormedModule)).
have -> : -1 * b + 1 = 1 - b by ring.
by have -> : -1 * a + 1 = 1 - a by ring.
Qed.

Section Inverse_envelope.

Variables (lam : R) (n : nat).

(** The inverse of the envelope for [K = n+1], and its derivative. *)
Definition inverse_curve (m : R) : R := (1 + lam) * m - lam * (1 - (1 - m) ^ (S n)).
Definition inverse_slope (m : R) : R := 1 + lam - lam * INR (S n) * (1 - m) ^ n.

Lemma inverse_curve_derivative m : is_derive inverse_curve m (inverse_slope m).
Proof.
rewrite /inverse_curve /inverse_slope; auto_derive => //.
by rewrite /Nat.pred -/(INR (S n)) /Rminus; set k := INR (S n); set y := (1 + - m) ^ n; ring.
Qed.

Lemma inverse_slope_continuous m : continuous inverse_slope m.
Proof. by apply: ex_derive_continuous; rewrite /inverse_slope; auto_derive. Qed.

Variable L : R -> R.
Hypotheses (L_0 : L 0 = 0) (L_continuous_0 : continuous L 0).
Hypothesis L_integral : forall a b, 0 < a -> a < b -> b <= 1 ->
  is_RInt (fun m => ln (inverse_slope m)) a b (L b - L a).

(** Reflected and taken from 0 to 1, where its end may be improper. *)
Lemma improper_integral :
  is_RInt_gen (fun x => ln (1 + lam - lam * INR (S n) * x ^ n)) (at_point 0) (at_left 1) (L 1).
Proof.
pose remainder b := L 1 - L (1 - b).
have remainder_1 : remainder 1 = L 1.
  by rewrite /remainder (Rminus_diag_eq 1 1) // L_0; ring.
have remainder_continuous : continuous remainder 1.
  apply: (continuous_minus (V := R_NormedModule)); first exact: continuous_const.
  apply: continuous_comp; first by apply: ex_derive_continuous; auto_derive.
  rewrite Rminus_diag_eq //; exact: L_continuous_0.
have remainder_limit : filterlim remainder (at_left 1) (locally (L 1)).
  rewrite -remainder_1.
  exact: (filterlim_filter_le_1 _ (filter_le_within _) remainder_continuous).
have partial b : 0 < b -> b < 1 ->
    is_RInt (fun x => ln (1 + lam - lam * INR (S n) * x ^ n)) 0 b (remainder b).
  move=> b_gt0 b_lt1.
  apply: (is_RInt_ext (fun x => ln (inverse_slope (1 - x)))).
    by move=> x _; rewrite /inverse_slope; congr ln; congr (_ - _ * _ ^ _); ring.
  apply: (is_RInt_reflect (fun m => ln (inverse_slope m))); rewrite Rminus_0_r.
  by apply: L_integral; lra.
move=> P P_near.
apply: (Filter_prod _ _ _ (fun a => a = 0) (fun b => 0 < b /\ b < 1 /\ P (remainder b))) => //.
- have [delta near] := remainder_limit P P_near.
  have r_gt0 : 0 < Rmin delta 1 by apply: Rmin_pos; [exact: cond_pos | lra].
  exists (mkposreal _ r_gt0) => b /= b_near b_lt1.
  have b_near_delta : ball 1 delta b by apply: ball_le b_near; exact: Rmin_l.
  have b_near_1 : ball 1 1 b by apply: ball_le b_near; exact: Rmin_r.
  split; last by split; last exact: near.
  move: b_near_1; rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /=.
  by move=> /Rabs_def2; lra.
- by move=> a b -> [b_gt0 [b_lt1 P_b]]; exists (remainder b); split => //=; exact: partial.
Qed.

End Inverse_envelope.

Section Below_the_threshold.

Variables (lam : R) (n : nat).
Hypotheses (lam_ge0 : 0 <= lam) (subcritical : lam * INR n < 1).

Lemma power_le1 m : 0 <= m <= 1 -> 0 <= (1 - m) ^ n <= 1.
Proof.
move=> m_in; split; first by apply: pow_le; lra.
by rewrite -[X in _ <= X](pow1 n); apply: pow_incr; lra.
Qed.

Lemma inverse_slope_gt0 m : 0 <= m <= 1 -> 0 < inverse_slope lam n m.
Proof.
move=> m_in; rewrite /inverse_slope S_INR.
have := power_le1 m m_in; set y := (1 - m) ^ n => y_in.
have slack : 0 <= lam * (INR n + 1) * (1 - y).
  by apply: Rmult_le_pos; last lra; apply: Rmult_le_pos => //; have := pos_INR n; lra.
lra.
Qed.

Definition cumulative_log (y : R) : R := RInt (fun m => ln (inverse_slope lam n m)) 0 y.

Lemma ex_RInt_log a b : 0 <= a -> a <= b -> b <= 1 ->
  ex_RInt (fun m => ln (inverse_slope lam n m)) a b.
Proof.
move=> a_ge0 a_le_b b_le1; have [a_lt_b|->] : a < b \/ a = b by lra.
  apply: (ex_RInt_ln (inverse_slope lam n)) => // m m_in; first exact: inverse_slope_continuous.
  by apply: inverse_slope_gt0; lra.
exact: ex_RInt_point.
Qed.

Lemma cumulative_log_integral a b : 0 <= a -> a < b -> b <= 1 ->
  is_RInt (fun m => ln (inverse_slope lam n m)) a b (cumulative_log b - cumulative_log a).
Proof.
move=> a_ge0 a_lt_b b_le1.
have -> : cumulative_log b - cumulative_log a = RInt (fun m => ln (inverse_slope lam n m)) a b.
  rewrite /cumulative_log -(RInt_Chasles _ 0 a b); [|apply: ex_RInt_log; lra..].
  by rewrite /plus /=; ring.
by apply: (RInt_correct (V := R_CompleteNormedModule)); apply: ex_RInt_log; lra.
Qed.

Lemma cumulative_log_cell a b c : 0 <= a -> a < b -> b <= 1 -> 0 < c ->
  cumulative_log b - cumulative_log a <=
  (b - a) * (ln c - 1) + (inverse_curve lam n b - inverse_curve lam n a) / c.
Proof.
move=> a_ge0 a_lt_b b_le1 c_gt0.
rewrite -(is_RInt_unique _ _ _ _ (cumulative_log_integral a b a_ge0 a_lt_b b_le1)).
apply: (tangent_over_cell (inverse_curve lam n)) => // m m_in.
- exact: inverse_curve_derivative.
- exact: inverse_slope_continuous.
- by apply: inverse_slope_gt0; lra.
Qed.

Lemma cumulative_log_0 : cumulative_log 0 = 0.
Proof. by rewrite /cumulative_log RInt_point. Qed.

Lemma cumulative_log_continuous_0 : continuous cumulative_log 0.
Proof.
have [delta positive] : locally 0 (fun m => 0 < inverse_slope lam n m).
  apply: (inverse_slope_continuous lam n 0 (fun y => 0 < y)).
  by apply: (open_gt 0); apply: inverse_slope_gt0; lra.
apply: (continuous_RInt_1 (V := R_NormedModule) (fun m => ln (inverse_slope lam n m)) 0).
exists delta => z z_near.
apply: (RInt_correct (V := R_CompleteNormedModule)).
apply: (ex_RInt_continuous (V := R_CompleteNormedModule)) => m m_in.
apply: (ln_continuous_on (inverse_slope lam n) m m); last lra.
  by move=> x _; exact: inverse_slope_continuous.
move=> x x_in; have -> : x = m by lra.
apply: positive; move: z_near m_in.
rewrite /ball /= /AbsRing_ball /= /abs /minus /plus /opp /= Ropp_0 !Rplus_0_r.
by rewrite /Rmin /Rmax; case: Rle_dec => _ /Rabs_def2 z_near m_in; apply: Rabs_def1; lra.
Qed.

Lemma sharp_integral_value :
  cumulative_log 1 = RInt (fun x => ln (1 + lam - lam * INR (S n) * x ^ n)) 0 1.
Proof.
symmetry; apply: is_RInt_unique.
apply: (is_RInt_ext (fun x => ln (inverse_slope lam n (1 - x)))).
  by move=> x _; rewrite /inverse_slope; congr ln; congr (_ - _ * _ ^ _); ring.
apply: (is_RInt_reflect (fun m => ln (inverse_slope lam n m))).
rewrite Rminus_diag_eq // Rminus_0_r.
by apply: (RInt_correct (V := R_CompleteNormedModule)); apply: ex_RInt_log; lra.
Qed.

End Below_the_threshold.
