(** * Lemma 2.1: with many draws curation reweights by w/E[w], and how fast

    Assumptions.  [p] is a law on a finite type, [w] a weight with [w >= b > 0]
    everywhere, [K = n+1] draws; H the density of the kept sample (Density.v).

    Claim.  With [mu = E_p[w]], [sigma^2 = Var_p[w]]:
    - [H(x) >= w(x) / (mu + (w(x) - mu)/K)] ([density_jensen]);
    - [|H(x) - w(x)/mu| <= C/K] with
      [C = w(x) (|w(x) - mu|/(mu b) + sigma^2/b^3]) ([density_limit]).

    Kind.  Rate.

    Source.  The limit: Ferbach et al. 2024, Lemma 2.1; the rate, this project.  With
    Y the total weight of a tuple and M its mean,
    [1/Y = 1/M - (Y-M)/M^2 + (Y-M)^2/(M^2 Y)]. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lemma_2_1.

Variables (R : realFieldType) (T : finType) (w p : T -> R) (b : R).
Hypotheses (b_gt0 : 0 < b) (w_ge : forall x, b <= w x) (p_law : law p).

Let w_gt0 : positive w. Proof. by move=> x; apply: lt_le_trans (w_ge x). Qed.

Let mu : R := mean p w.

Let mu_gt0 : 0 < mu. Proof. exact: mean_gt0. Qed.

Let b_le_mu : b <= mu.
Proof.
rewrite -(mean_const b p_law); apply: ler_sum => x _; apply: ler_wpmul2l => //.
by have [] := p_law.
Qed.

Let dev x : R := w x - mu.

Let mean_dev : mean p dev = 0.
Proof.
rewrite (eq_mean p (g := fun x => w x + - mu)) // meanD mean_const //.
by rewrite /mu subrr.
Qed.

Lemma total_dev n (d : {ffun 'I_n -> T}) : \sum_j w (d j) = n%:R * mu + \sum_j dev (d j).
Proof.
by rewrite sumrB sumr_const card_ord mulr_natl addrC subrK.
Qed.

Lemma expect_dev n : \sum_(d : {ffun 'I_n -> T}) tuple_law p d * (\sum_j dev (d j)) = 0.
Proof.
under eq_bigr do rewrite mulr_sumr; rewrite exchange_big big1 // => j _.
by rewrite expect_at // mean_dev.
Qed.

Lemma expect_square n :
  \sum_(d : {ffun 'I_n -> T}) tuple_law p d * (\sum_j dev (d j)) ^+ 2 = n%:R * variance p w.
Proof.
transitivity (\sum_(j < n) \sum_(l < n)
    \sum_(d : {ffun 'I_n -> T}) tuple_law p d * (dev (d j) * dev (d l))).
  rewrite exchange_big /=; under [RHS]eq_bigr do rewrite exchange_big /=.
  rewrite [RHS]exchange_big /=; apply: eq_bigr => d _.
  rewrite expr2 mulr_suml mulr_sumr [RHS]exchange_big; apply: eq_bigr => j _ /=.
  by rewrite mulr_sumr mulr_sumr.
transitivity (\sum_(j < n) variance p w); last by rewrite sumr_const card_ord mulr_natl.
apply: eq_bigr => j _; rewrite (bigD1 j) //= [X in _ + X]big1 ?addr0 => [|l lj].
  rewrite -[RHS](expect_at (fun x => dev x ^+ 2) j p_law).
  by apply: eq_bigr => d _; rewrite expr2.
by rewrite expect_at2 1?eq_sym // mean_dev mul0r.
Qed.

Section Bounds.

Variables (n : nat) (s : R).
Hypothesis s_ge : b <= s.

Let M : R := s + n%:R * mu.
Let Y (d : {ffun 'I_n -> T}) : R := s + \sum_j w (d j).

Let least : R := n.+1%:R * b.

Let least_gt0 : 0 < least. Proof. by rewrite mulr_gt0 ?ltr0n. Qed.

Let least_le_M : least <= M.
Proof. by rewrite /least /M mulrS mulrDl mul1r ler_add // ler_wpmul2l ?ler0n. Qed.

Let least_le_Y d : least <= Y d.
Proof.
rewrite /least /Y mulrS mulrDl mul1r ler_add //.
have -> : n%:R * b = \sum_(j < n) b by rewrite sumr_const card_ord mulr_natl.
by apply: ler_sum.
Qed.

Let M_gt0 : 0 < M. Proof. exact: lt_le_trans least_le_M. Qed.

Let Y_gt0 d : 0 < Y d. Proof. exact: lt_le_trans (least_le_Y d). Qed.

Let remainder : R :=
  \sum_(d : {ffun 'I_n -> T}) tuple_law p d * ((\sum_j dev (d j)) ^+ 2 / (M ^+ 2 * Y d)).

Let expansion : inverse_total w p n s = M^-1 + remainder.
Proof.
rewrite /inverse_total -(sum_tuples _ _ (fun u => u^-1)).
have -> : M^-1 = \sum_(d : {ffun 'I_n -> T}) tuple_law p d * (M^-1 - (\sum_j dev (d j)) / M ^+ 2).
  under eq_bigr do rewrite mulrBr mulrA.
  by rewrite sumrB -!mulr_suml expect1 // expect_dev mul0r subr0 mul1r.
rewrite -big_split; apply: eq_bigr => d _; rewrite -[LHS]/(_ * (Y d)^-1) /= -mulrDr.
congr (_ * _); have -> : \sum_j dev (d j) = Y d - M.
  by rewrite /Y total_dev /M; move: (\sum_j dev (d j)) => D; ring.
by field; rewrite !gt_eqF.
Qed.

Lemma inverse_total_jensen : M^-1 <= inverse_total w p n s.
Proof.
rewrite expansion ler_addl; apply: sumr_ge0 => d _.
by rewrite mulr_ge0 ?tuple_law_ge0 // divr_ge0 ?sqr_ge0 // mulr_ge0 ?sqr_ge0 // ltW.
Qed.

Lemma inverse_total_above :
  inverse_total w p n s <= M^-1 + n%:R * variance p w / least ^+ 3.
Proof.
rewrite expansion ler_add2l -expect_square mulr_suml; apply: ler_sum => d _.
rewrite -mulrA ler_wpmul2l ?tuple_law_ge0 // ler_wpmul2l ?sqr_ge0 //.
have MY_gt0 : 0 < M ^+ 2 * Y d by apply: mulr_gt0 => //; apply: exprn_gt0.
have least3_gt0 : 0 < least ^+ 3 by apply: exprn_gt0.
have least_ge0 := ltW least_gt0; have M_ge0 := ltW M_gt0.
rewrite lef_pinv ?posrE // [leLHS]exprSr.
by apply: ler_pmul => //; [apply: exprn_ge0 | apply: ler_expn2r].
Qed.

End Bounds.

Variable n : nat.
Let K : R := n.+1%:R.

Let K_gt0 : 0 < K. Proof. by rewrite ltr0n. Qed.

Let K_n : K = 1 + n%:R. Proof. by rewrite /K mulrS. Qed.

(** Jensen's inequality. *)
Theorem density_jensen x : w x / (mu + (w x - mu) / K) <= density w p n x.
Proof.
have wx := w_gt0 x; have w_ge0 := ltW wx.
have M_gt0 : 0 < w x + n%:R * mu by rewrite ltr_spaddl // mulr_ge0 ?ler0n ?ltW.
have -> : w x / (mu + (w x - mu) / K) = K * (w x * (w x + n%:R * mu)^-1).
  have -> : mu + (w x - mu) / K = (w x + n%:R * mu) / K.
    by rewrite K_n; field; rewrite -K_n gt_eqF.
  by rewrite invf_div mulrCA.
rewrite /density ler_wpmul2l ?ler0n // ler_wpmul2l //.
exact: inverse_total_jensen.
Qed.

(** Lemma 2.1 of the paper, with a rate. *)
Theorem density_limit x :
  `|density w p n x - w x / mu| <=
  w x * (`|w x - mu| / (mu * b) + variance p w / b ^+ 3) / K.
Proof.
have wx := w_gt0 x; have w_ge0 := ltW wx; have K_ge0 := ltW K_gt0.
set M := w x + n%:R * mu.
have M_gt0 : 0 < M by rewrite ltr_spaddl // mulr_ge0 ?ler0n ?ltW.
have Kb_le_M : K * b <= M.
  by rewrite K_n mulrDl mul1r ler_add // ler_wpmul2l ?ler0n.
have Kb_gt0 : 0 < K * b by rewrite mulr_gt0.
set V := variance p w.
have V_ge0 : 0 <= V by apply: variance_ge0.
have first : `|K * (w x / M) - w x / mu| <= w x * (`|w x - mu| / (mu * b)) / K.
  have -> : K * (w x / M) - w x / mu = w x * ((mu - w x) / (mu * M)).
    by rewrite K_n /M; field; rewrite -/M !gt_eqF.
  have muM_gt0 : 0 < mu * M by apply: mulr_gt0.
  have mubK_gt0 : 0 < mu * b * K by rewrite mulr_gt0 // mulr_gt0.
  rewrite normrM (ger0_norm w_ge0) -mulrA normrM normfV (gtr0_norm muM_gt0) distrC.
  rewrite -mulrA -invfM; apply: ler_wpmul2l => //; apply: ler_wpmul2l; first exact: normr_ge0.
  by rewrite lef_pinv ?posrE // -mulrA ler_wpmul2l ?(ltW mu_gt0) // mulrC.
have second : 0 <= density w p n x - K * (w x / M) <= w x * (V / b ^+ 3) / K.
  have := inverse_total_above n (w_ge x); have := inverse_total_jensen n (w_ge x).
  rewrite -/mu -/M -/V /density -/K; set I := inverse_total _ _ _ _ => low high.
  have -> : K * (w x * I) - K * (w x / M) = K * (w x * (I - M^-1)) by ring.
  rewrite !mulr_ge0 ?subr_ge0 //=.
  apply: (@le_trans _ _ (K * (w x * (K * V / (K * b) ^+ 3)))).
    rewrite ler_wpmul2l // ler_wpmul2l // ler_subl_addl; apply: le_trans high _.
    rewrite ler_add2l; apply: ler_wpmul2r; first by rewrite invr_ge0 exprn_ge0 // ltW.
    by apply: ler_wpmul2r => //; rewrite K_n ler_addr ler01.
  suff -> : K * (w x * (K * V / (K * b) ^+ 3)) = w x * (V / b ^+ 3) / K by [].
  by field; rewrite !gt_eqF.
have -> : density w p n x - w x / mu =
    (density w p n x - K * (w x / M)) + (K * (w x / M) - w x / mu) by ring.
apply: le_trans (ler_norm_add _ _) _; have /andP[low high] := second.
rewrite (ger0_norm low) addrC.
have -> : w x * (`|w x - mu| / (mu * b) + V / b ^+ 3) / K =
    w x * (`|w x - mu| / (mu * b)) / K + w x * (V / b ^+ 3) / K by ring.
exact: ler_add.
Qed.

End Lemma_2_1.
