(** * Theorem 2.1: the pure loop gathers at the top reward, at least geometrically

    Assumptions.  [p] is a law on a finite type; the points of [A] weigh [wtop],
    the others at most [w2 <= wtop], all more than zero; [K >= 1].

    Claim.  With [rho = K w2 / (w2 + (K-1) wtop)], one round gives
    [P' >= P + (1-rho) P (1-P)] for [P = p(A)] ([top_grows]); so in the pure loop
    [1 - P_t <= (1 - P_0) (1 - (1-rho) P_0)^t] ([top_takes_all]).  The law
    conditioned on [A] never changes ([top_keeps_shape]), so that the relative
    entropy from [p_0] conditioned on [A] to [p_t] is [-log P_t].  At K = infinity
    all this holds with [rho = w2/wtop] ([tilted_top_grows], [tilted_top_takes_all],
    [tilted_top_keeps_shape]).

    Kind.  Lower bound on the growth; an equality for two weights at [K = 2].

    Source.  The limit: Ferbach et al. 2024, Theorem 2.1; the rate, this project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Lemma_2_2 Infinite_candidates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Logistic.

Variables (R : realFieldType) (c : R) (P : nat -> R).
Hypotheses (c01 : 0 <= c <= 1) (P01 : forall t, 0 <= P t <= 1).
Hypothesis grows : forall t, P t + c * (P t * (1 - P t)) <= P t.+1.

Lemma logistic_increases t : P 0 <= P t.
Proof.
elim: t => // t IH; apply: le_trans IH (le_trans _ (grows t)).
have [/andP[c0 _] /andP[P0 P1]] := (c01, P01 t).
by rewrite ler_addl !mulr_ge0 ?subr_ge0.
Qed.

Lemma logistic_rest t : 1 - P t <= (1 - P 0) * (1 - c * P 0) ^+ t.
Proof.
have [/andP[c0 c1] /andP[P0 P1]] := (c01, P01 0).
have factor_ge0 : 0 <= 1 - c * P 0 by rewrite subr_ge0 mulr_ile1.
elim: t => [|t IH]; first by rewrite expr0 mulr1.
have rest_ge0 : 0 <= 1 - P t by have /andP[_] := P01 t; rewrite subr_ge0.
apply: (@le_trans _ _ ((1 - P t) * (1 - c * P 0))); last first.
  by rewrite exprSr mulrA; apply: ler_wpmul2r.
apply: (@le_trans _ _ ((1 - P t) * (1 - c * P t))); last first.
  by apply: ler_wpmul2l => //; rewrite ler_sub // ler_wpmul2l // logistic_increases.
have -> : (1 - P t) * (1 - c * P t) = 1 - (P t + c * (P t * (1 - P t))) by ring.
by rewrite ler_sub.
Qed.

End Logistic.

Section Theorem_2_1.

Variables (R : realFieldType) (T : finType) (K : nat) (w : T -> R) (A : pred T) (wtop w2 : R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w).
Hypotheses (w2_gt0 : 0 < w2) (w2_le : w2 <= wtop).
Hypotheses (at_top : forall x, A x -> w x = wtop) (below : forall x, ~~ A x -> w x <= w2).
Implicit Types (p : T -> R) (d : {ffun 'I_K -> T}).

Definition rho : R := K%:R * w2 / (w2 + (K%:R - 1) * wtop).

Let total : R := w2 + (K%:R - 1) * wtop.

Let K1E : K%:R - 1 = K.-1%:R :> R.
Proof. by rewrite -{1}(prednK K_gt0) mulrSr addrK. Qed.

Let total_ge : 0 < total.
Proof.
by rewrite ltr_paddr // mulr_ge0 ?subr_ge0 ?ler1n // (le_trans (ltW w2_gt0)).
Qed.

Let one_minus_rho : 1 - rho = (K%:R - 1) * (wtop - w2) / total.
Proof. by rewrite /rho -/total /total; field; rewrite -/total gt_eqF. Qed.

Lemma rho_le1 : rho <= 1.
Proof.
rewrite -subr_ge0 one_minus_rho divr_ge0 ?(ltW total_ge) // mulr_ge0 ?subr_ge0 //.
by rewrite ler1n.
Qed.

Lemma rho_ge0 : 0 <= rho.
Proof. by rewrite divr_ge0 ?(ltW total_ge) // mulr_ge0 ?ler0n // ltW. Qed.

(** The weights of a tuple with one entry off the top. *)
Let total_le d l : ~~ A (d l) -> \sum_j w (d j) <= total.
Proof.
move=> off; rewrite (bigD1 l) //= ler_add ?below //.
rewrite K1E; apply: (@le_trans _ _ (\sum_(j | j != l) wtop)).
  apply: ler_sum => j _; have [/at_top->//|/below h] := boolP (A (d j)).
  exact: le_trans h w2_le.
by rewrite sumr_const cardC1 card_ord mulr_natl.
Qed.

Let pairs d : R := \sum_k \sum_(l | l != k) (A (d k))%:R * (~~ A (d l))%:R.

Let mean_pairs p : law p ->
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * pairs d =
  K%:R * (K%:R - 1) * (mass p A * (1 - mass p A)).
Proof.
move=> lp; under eq_bigr do rewrite mulr_sumr; rewrite exchange_big /=.
transitivity (\sum_(k < K) (K%:R - 1) * (mass p A * (1 - mass p A))); last first.
  by rewrite sumr_const card_ord -(mulr_natl (_ * _)) mulrA.
apply: eq_bigr => k _; under eq_bigr do rewrite mulr_sumr; rewrite exchange_big /=.
rewrite (eq_bigr (fun=> mass p A * (1 - mass p A))) => [|l lk].
  by rewrite sumr_const cardC1 card_ord -(mulr_natl (_ * _)) K1E.
rewrite (expect_at2 (fun x => (A x)%:R) (fun x => (~~ A x)%:R)) 1?eq_sym //.
by rewrite -massC // !mass_mean.
Qed.

Let gain_pairs d :
  (wtop - w2) / (K%:R * total) * pairs d <= tuple_gain w (fun x => (A x)%:R) d.
Proof.
have K0 : 0 < K%:R :> R by rewrite ltr0n.
have W0 := total_gt0 w_gt0 d K_gt0.
pose a k l : R := (A (d k))%:R * (~~ A (d l))%:R.
have diag k : a k k = 0 by rewrite /a; case: (A _); rewrite ?mulr0 ?mul0r.
have pairsE : pairs d = \sum_k \sum_l a k l.
  by apply: eq_bigr => k _; rewrite [RHS](bigD1 k) //= diag add0r.
have pairsE' : pairs d = \sum_k \sum_l a l k by rewrite pairsE exchange_big.
have doubled : pairs d *+ 2 = \sum_k \sum_l (a k l + a l k).
  by rewrite mulr2n {1}pairsE pairsE' -big_split; apply: eq_bigr => k _; rewrite -big_split.
have -> : (wtop - w2) / (K%:R * total) * pairs d =
    \sum_k \sum_l (wtop - w2) * (a k l + a l k) / (2 * K%:R * total).
  transitivity ((wtop - w2) * (pairs d *+ 2) / (2 * K%:R * total)).
    by rewrite -(mulr_natl (pairs d)); field; rewrite !gt_eqF.
  rewrite doubled mulr_sumr mulr_suml; apply: eq_bigr => k _.
  by rewrite mulr_sumr mulr_suml.
rewrite /tuple_gain mulr_suml; apply: ler_sum => k _.
rewrite mulr_suml; apply: ler_sum => l _.
have smaller l' : ~~ A (d l') -> (2 * K%:R * total)^-1 <= (2 * K%:R * \sum_j w (d j))^-1.
  move=> off; rewrite lef_pinv ?posrE ?mulr_gt0 ?ltr0n // ler_pmul2l ?mulr_gt0 ?ltr0n //.
  exact: total_le off.
have inv_ge0 : 0 <= (2 * K%:R * total)^-1 by rewrite invr_ge0 ltW // !mulr_gt0 ?ltr0n.
have top_ge0 : 0 <= wtop - w2 by rewrite subr_ge0.
rewrite /a; have [Ak|Ak] := boolP (A (d k)); have [Al|Al] := boolP (A (d l)) => /=.
- by rewrite !mulr0 addr0 subrr !mulr0 !mul0r.
- rewrite mulr1 mulr0 addr0 subr0 !mulr1 (at_top Ak).
  by apply: ler_pmul => //; [rewrite ler_sub ?below | apply: smaller Al].
- rewrite mulr0 mulr1 add0r sub0r mulr1 mulrN1 opprB (at_top Al).
  by apply: ler_pmul => //; [rewrite ler_sub ?below | apply: smaller Ak].
- by rewrite !mul0r addr0 subrr !mulr0 !mul0r.
Qed.

(** One round. *)
Theorem top_grows p : law p ->
  mass p A + (1 - rho) * (mass p A * (1 - mass p A)) <= mass (kept K w p) A.
Proof.
move=> lp; rewrite [mass (kept _ _ _) A]mass_mean gain_equality // -mass_mean ler_add2l.
have K0 : K%:R != 0 :> R by rewrite pnatr_eq0 -lt0n.
have -> : (1 - rho) * (mass p A * (1 - mass p A)) =
    \sum_(d : {ffun 'I_K -> T}) tuple_law p d * ((wtop - w2) / (K%:R * total) * pairs d).
  under eq_bigr do rewrite mulrCA; rewrite -mulr_sumr mean_pairs // one_minus_rho.
  by field; rewrite K0 gt_eqF.
by apply: ler_sum => d _; rewrite ler_wpmul2l ?tuple_law_ge0 ?gain_pairs.
Qed.

(** What is left below the top falls at least geometrically. *)
Theorem top_takes_all p0 t : law p0 ->
  1 - mass (pure K w p0 t) A <= (1 - mass p0 A) * (1 - (1 - rho) * mass p0 A) ^+ t.
Proof.
move=> lp; apply: (@logistic_rest _ (1 - rho) (fun t => mass (pure K w p0 t) A)).
- by rewrite subr_ge0 rho_le1 ler_subl_addr ler_addl rho_ge0.
- by move=> {}t; have lpt := pure_law K_gt0 w_gt0 t lp; rewrite mass_ge0 ?mass_le1.
- by move=> {}t; apply/top_grows/pure_law.
Qed.

(** Two points of equal weight keep their proportion; so does the top as a whole. *)
Lemma equal_weights_keep_ratio p0 t x y : w x = w y ->
  pure K w p0 t x * p0 y = pure K w p0 t y * p0 x.
Proof.
move=> xy; elim: t => [|t IH]; first by rewrite mulrC.
rewrite pureS -(prednK K_gt0) !kept_density mulrAC prednK // IH mulrAC.
by rewrite /density xy.
Qed.

Theorem top_keeps_shape p0 t x : A x ->
  pure K w p0 t x * mass p0 A = p0 x * mass (pure K w p0 t) A.
Proof.
move=> Ax; rewrite /mass !mulr_sumr; apply: eq_bigr => y Ay.
by rewrite equal_weights_keep_ratio ?at_top // mulrC.
Qed.

End Theorem_2_1.

Section Infinite.

Variables (R : realFieldType) (T : finType) (w : T -> R) (A : pred T) (wtop w2 : R).
Hypotheses (w_gt0 : positive w) (w2_gt0 : 0 < w2) (w2_le : w2 <= wtop).
Hypotheses (at_top : forall x, A x -> w x = wtop) (below : forall x, ~~ A x -> w x <= w2).
Implicit Types (p : T -> R).

Let wtop_gt0 : 0 < wtop. Proof. exact: lt_le_trans w2_le. Qed.

Let ratio01 : 0 <= 1 - w2 / wtop <= 1.
Proof.
rewrite subr_ge0 ler_pdivr_mulr // mul1r w2_le ler_subl_addr ler_addl.
by rewrite divr_ge0 // ltW.
Qed.

Theorem tilted_top_grows p : law p ->
  mass p A + (1 - w2 / wtop) * (mass p A * (1 - mass p A)) <= mass (tilted w p) A.
Proof.
move=> lp; have mu_gt0 := mean_w_gt0 w_gt0 lp; have [p_ge0 _] := lp.
have P_ge0 := mass_ge0 A lp; have /andP[c0 _] := ratio01.
set P := mass p A in P_ge0 *; set z := (1 - w2 / wtop) * (1 - P).
have z_ge0 : 0 <= z by rewrite mulr_ge0 // subr_ge0 mass_le1.
have -> : mass (tilted w p) A = P * wtop / mean p w.
  rewrite /P /mass !mulr_suml; apply: eq_bigr => x Ax.
  by rewrite /tilted at_top.
have mu_le : mean p w <= wtop * (1 - z).
  have -> : wtop * (1 - z) = P * wtop + mass p (predC A) * w2.
    by rewrite massC // -/P /z; field; rewrite gt_eqF.
  rewrite /mean (bigID A) /= /P /mass !mulr_suml.
  apply: ler_add; apply: ler_sum => x; first by move=> /at_top->.
  by move=> /below le_w2; apply: ler_wpmul2l.
have -> : P + (1 - w2 / wtop) * (P * (1 - P)) = P * (1 + z) by rewrite /z; ring.
rewrite ler_pdivl_mulr // -mulrA; apply: ler_wpmul2l => //.
apply: (@le_trans _ _ ((1 + z) * (wtop * (1 - z)))).
  by apply: ler_wpmul2l => //; rewrite addr_ge0 ?ler01.
rewrite mulrCA -[leRHS]mulr1; apply: ler_wpmul2l; first exact: ltW.
have -> : (1 + z) * (1 - z) = 1 - z ^+ 2 by ring.
by rewrite ler_subl_addr ler_addl sqr_ge0.
Qed.

Theorem tilted_top_takes_all p0 t : law p0 ->
  1 - mass (tilted_pure w p0 t) A <=
  (1 - mass p0 A) * (1 - (1 - w2 / wtop) * mass p0 A) ^+ t.
Proof.
move=> lp; apply: (@logistic_rest _ _ (fun t => mass (tilted_pure w p0 t) A)).
- exact: ratio01.
- by move=> {}t; have lpt := tilted_pure_law w_gt0 t lp; rewrite mass_ge0 ?mass_le1.
- by move=> {}t; apply/tilted_top_grows/tilted_pure_law.
Qed.

Theorem tilted_top_keeps_shape p0 t x : A x ->
  tilted_pure w p0 t x * mass p0 A = p0 x * mass (tilted_pure w p0 t) A.
Proof.
move=> Ax; rewrite /mass !mulr_sumr; apply: eq_bigr => y Ay.
elim: t => [|t IH] //.
have -> : tilted_pure w p0 t.+1 = tilted w (tilted_pure w p0 t) by [].
rewrite /tilted !at_top //; set p := tilted_pure w p0 t in IH *.
transitivity (p x * p0 y * (wtop / mean p w)); first by ring.
by rewrite IH; ring.
Qed.

End Infinite.
