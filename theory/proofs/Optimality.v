(** * Where the constants cannot be improved, and what the hypotheses are for

    Every theorem of these proofs could be true for a dull reason: a hypothesis
    that nothing meets, a constant far from its best.  Here the nudged statements
    are refuted by laws on two or three points.

    Claim.
    - Lemma 2.2: for every [K >= 2] no constant [c > 1] in front of
      [((K-1)/K) Var/wmax] will do ([lemma_2_2_optimal]).
    - Theorem 2.3 with [lam/(1+lam)]: the same, for every [lam > 0]
      ([theorem_2_3_optimal]).
    - One round of the envelope: for every [K >= 1] and every mass [u > 0] no factor
      [c < 1] will do ([envelope_optimal]).
    - Theorem 2.4 with half of [lam (K-1)] is false ([theorem_2_4_nudged]).
    - Theorem 2.3 is false from a start other than the reference
      ([theorem_2_3_needs_its_start]).
    - A set that is not an upper set can lose mass ([dominance_needs_upper_sets]).
    - Curation does not preserve dominance without the likelihood ratio
      ([dominance_not_preserved]).

    Kind.  Refutations.

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Lemma_2_2 Dominance_mixed Envelope.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Two_points.

Variables (R : realFieldType) (K : nat).
Implicit Types (a c u lam : R).

(** Mass [u] on [true]; weight one there and [a] elsewhere. *)
Definition coin u (b : bool) : R := if b then u else 1 - u.
Definition two a (b : bool) : R := if b then 1 else a.

Lemma coin_law u : 0 <= u <= 1 -> law (coin u).
Proof.
by move=> /andP[u0 u1]; split=> [[]|]; rewrite ?big_bool /= ?subr_ge0 // addrC subrK.
Qed.

Lemma two_positive a : 0 < a -> positive (two a).
Proof. by move=> a0 []; rewrite /= ?ltr01. Qed.

Lemma coin_variance a : variance (coin 2^-1) (two a) = ((1 - a) / 2) ^+ 2.
Proof. by rewrite /variance /mean !big_bool /=; field. Qed.

Let half : 0 <= (2^-1 : R) <= 1.
Proof. by rewrite invr_ge0 ler0n invf_le1 ?ler1n ?ltr0n. Qed.

(** Both weights near one: the gain of a round beats c times its bound for no c > 1. *)
Lemma coin_gain c : (1 < K)%N -> 1 < c -> exists a, [/\ 0 < a, a <= 1 &
  mean (kept K (two a) (coin 2^-1)) (two a) - mean (coin 2^-1) (two a) <
  c * ((K%:R - 1) / K%:R * (variance (coin 2^-1) (two a) / 1))].
Proof.
move=> K1 c1; have c0 : 0 < c := lt_trans ltr01 c1.
have cc : 0 < 1 + c by rewrite addr_gt0 ?ltr01.
pose a := 2 / (1 + c); exists a.
have a0 : 0 < a by rewrite divr_gt0 ?ltr0n.
have a1 : a < 1 by rewrite ltr_pdivr_mulr // mul1r (ltr_add2l 1 1).
split=> //; first exact: ltW.
apply: (@le_lt_trans _ _ ((K%:R - 1) / K%:R * (variance (coin 2^-1) (two a) / a))).
  rewrite ler_subl_addl; apply: reward_increase_at_most => //.
  - exact: ltnW.
  - exact: two_positive.
  - exact: coin_law.
  - by move=> []; rewrite /= ?lexx // ltW.
rewrite [ltRHS]mulrCA ltr_pmul2l; last by rewrite divr_gt0 ?subr_gt0 ?ltr1n ?ltr0n // ltnW.
rewrite coin_variance divr1 [ltRHS]mulrC ltr_pmul2l; last first.
  by rewrite exprn_gt0 // divr_gt0 ?ltr0n // subr_gt0.
by rewrite /a invf_div ltr_pdivr_mulr ?ltr0n // mulrDr mulr1 ltr_add2r.
Qed.

Theorem lemma_2_2_optimal c : (1 < K)%N -> 1 < c ->
  exists (w p : bool -> R), [/\ positive w, law p, (forall x, w x <= 1) &
    mean (kept K w p) w < mean p w + c * ((K%:R - 1) / K%:R * (variance p w / 1))].
Proof.
move=> K1 c1; have [a [a0 a1 gain]] := coin_gain K1 c1.
exists (two a), (coin 2^-1); split; [exact: two_positive | exact: coin_law | by case |].
by rewrite -ltr_subl_addl.
Qed.

Theorem theorem_2_3_optimal lam c : (1 < K)%N -> 0 < lam -> 1 < c ->
  exists (w pref : bool -> R), [/\ positive w, law pref, (forall x, w x <= 1) &
    mean (mixed K lam w pref pref 1) w <
    mean pref w + c * (lam / (1 + lam)) * ((K%:R - 1) / K%:R * (variance pref w / 1))].
Proof.
move=> K1 lam0 c1; have [a [a0 a1 gain]] := coin_gain K1 c1.
exists (two a), (coin 2^-1); split; [exact: two_positive | exact: coin_law | by case |].
rewrite -ltr_subl_addl gain_of_first_round ?ltW //.
by rewrite [c * _]mulrC -[ltRHS]mulrA ltr_pmul2l // divr_gt0 ?addr_gt0 ?ltr01.
Qed.

(** A light enough remainder leaves the kept sample as good as the best draw. *)
Theorem envelope_optimal u c : (0 < K)%N -> 0 < u <= 1 -> c < 1 ->
  exists w : bool -> R, positive w /\ c * best_of K u < mass (kept K w (coin u)) id.
Proof.
move=> K0 /andP[u0 u1] c1; have K0R : 0 < K%:R :> R by rewrite ltr0n.
have c10 : 0 < 1 - c by rewrite subr_gt0.
pose a := (1 - c) / K%:R; have a0 : 0 < a by rewrite divr_gt0.
have lp : law (coin u) by apply: coin_law; rewrite ltW.
have best0 : 0 < best_of K u.
  rewrite subr_gt0 exprn_ilt1 ?subr_ge0 //; first by rewrite -lt0n.
  by rewrite ltr_subl_addr ltr_addl.
exists (two a); split; first exact: two_positive.
apply: (@lt_le_trans _ _ ((1 + K%:R * a)^-1 * best_of K u)).
  have -> : 1 + K%:R * a = 1 + (1 - c) by rewrite /a mulrCA divff ?mulr1 ?gt_eqF.
  rewrite ltr_pmul2r // -[ltRHS]mul1r ltr_pdivl_mulr ?(addr_gt0 ltr01 c10) // -subr_gt0.
  by rewrite (_ : 1 - c * _ = (1 - c) ^+ 2) ?exprn_gt0 //; ring.
rewrite mass_mean mean_kept.
have -> : best_of K u = \sum_(d : {ffun 'I_K -> bool})
    tuple_law (coin u) d * (1 - \prod_i (~~ d i)%:R).
  under eq_bigr do rewrite mulrBr mulr1.
  rewrite sumrB expect1 // (expect_prod _ (fun _ x => (~~ x)%:R)) prodr_const card_ord.
  by rewrite /best_of /mean big_bool /= mulr0 add0r mulr1.
rewrite mulr_sumr; apply: ler_sum => d _; rewrite mulrCA ler_wpmul2l ?tuple_law_ge0 //.
have [/existsP[i di]|none] := boolP [exists i, d i]; last first.
  move: none; rewrite negb_exists => /forallP none.
  rewrite big1 => [|i _]; last by rewrite none.
  rewrite subrr mulr0 sumr_ge0 // => k _.
  by rewrite mulr_ge0 ?ler0n ?chosen_ge0 //; apply: two_positive.
rewrite (bigD1 i) //= di mul0r subr0 mulr1.
set N := \sum_k (d k)%:R : R; set W := \sum_k two a (d k).
have -> : \sum_k chosen (two a) d k * (d k)%:R = N / W.
  rewrite mulr_suml; apply: eq_bigr => k _; rewrite /chosen -/W.
  by case: (d k); rewrite ?mulr1 // mulr0 mul0r.
have N1 : 1 <= N.
  by rewrite /N (bigD1 i) //= di ler_addl; apply: sumr_ge0 => k _; rewrite ler0n.
have W0 : 0 < W by apply: total_gt0 => //; apply: two_positive.
have Ka0 : 0 < K%:R * a by rewrite mulr_gt0.
rewrite -[leLHS]mul1r ler_pdivr_mulr ?(addr_gt0 ltr01 Ka0) // mulrAC ler_pdivl_mulr // mul1r.
apply: (@le_trans _ _ (N + K%:R * a)); last first.
  by rewrite mulrDr mulr1 ler_add2l -[leLHS]mul1r ler_wpmul2r // ltW.
have -> : N + K%:R * a = \sum_k ((d k)%:R + a).
  by rewrite big_split /= sumr_const card_ord -(mulr_natl a).
apply: ler_sum => k _; case: (d k) => /=; rewrite ?add0r ?lexx // ler_addl.
exact: ltW.
Qed.

End Two_points.

Section Rational.

(** K = 2, lam = 1/5, one point of mass 1/10 and weight ten times that of the rest. *)
Theorem theorem_2_4_nudged : exists (w pref : bool -> rat) (lam : rat),
  [/\ positive w, law pref, 0 <= lam, lam * (2 - 1) < 1 &
    pref true / (1 - 1 / 2 * (lam * (2 - 1))) < mixed 2 lam w pref pref 1 true].
Proof.
exists (two (1 / 10)), (coin (1 / 10)), (1 / 5); split.
- exact: two_positive.
- exact: coin_law.
- by vm_compute.
- by vm_compute.
rewrite mixedS /step /mixed kept_density /density /inverse_total /= /competitor !big_bool.
by vm_compute.
Qed.

(** K = 2, lam = 1: started at the lighter point, the loop falls below its reference. *)
Theorem theorem_2_3_needs_its_start : exists (w pref p0 : bool -> rat) (lam : rat),
  [/\ positive w, law pref, law p0, 0 < lam &
    mean (mixed 2 lam w pref p0 1) w < mean pref w].
Proof.
exists (two (1 / 2)), (coin (1 / 2)), (coin 0), 1; split.
- exact: two_positive.
- exact: coin_law.
- exact: coin_law.
- by vm_compute.
rewrite /mean !big_bool mixedS /step /mixed !kept_density /density /inverse_total /= /competitor.
by rewrite !big_bool; vm_compute.
Qed.

Theorem dominance_needs_upper_sets : exists (w p : bool -> rat) (A : pred bool),
  [/\ positive w, law p & mass (kept 2 w p) A < mass p A].
Proof.
exists (two (1 / 2)), (coin (1 / 2)), negb; split.
- exact: two_positive.
- exact: coin_law.
rewrite !mass_mean /mean !big_bool !kept_density /density /inverse_total /= /competitor.
by rewrite !big_bool; vm_compute.
Qed.

(** Three points of weights 1, 2, 4.  Moving the mass of the first to the second
    raises every upper set, and yet the top of the kept sample loses. *)
Theorem dominance_not_preserved : exists (w p q : 'I_3 -> rat) (A : pred 'I_3),
  [/\ positive w, law p, law q,
      (forall B, upper_set w B -> mass p B <= mass q B) &
      upper_set w A /\ mass (kept 2 w q) A < mass (kept 2 w p) A].
Proof.
pose w (i : 'I_3) : rat := [:: 1; 2; 4]`_i.
pose p (i : 'I_3) : rat := [:: 1 / 2; 0; 1 / 2]`_i.
pose q (i : 'I_3) : rat := [:: 0; 1 / 2; 1 / 2]`_i.
have three (P : 'I_3 -> Prop) : P ord0 -> P (lift ord0 ord0) -> P ord_max -> forall i, P i.
  move=> P0 P1 P2 [[|[|[|]]]] // lt_i.
  - by rewrite (_ : Ordinal _ = ord0) //; apply: val_inj.
  - by rewrite (_ : Ordinal _ = lift ord0 ord0) //; apply: val_inj.
  - by rewrite (_ : Ordinal _ = ord_max) //; apply: val_inj.
have sum3 (F : 'I_3 -> rat) : \sum_i F i = F ord0 + (F (lift ord0 ord0) + F ord_max).
  rewrite !big_ord_recl big_ord0 addr0; congr (_ + (_ + F _)).
  exact: val_inj.
exists w, p, q, (fun i => i == ord_max); split.
- by apply: three; vm_compute.
- by split; [apply: three; vm_compute | rewrite sum3; vm_compute].
- by split; [apply: three; vm_compute | rewrite sum3; vm_compute].
- move=> B up; rewrite !mass_mean /mean !sum3.
  have := up ord0 (lift ord0 ord0) isT.
  case: (B ord0) (B (lift ord0 ord0)) => -[] up01; case: (B ord_max); try by vm_compute.
  1,2: by have := up01 isT.
split.
  by move=> x y le_xy /eqP xE; move: le_xy; rewrite xE; move: y; apply: three; vm_compute.
rewrite !mass_mean /mean !sum3 !kept_density /density /inverse_total /=.
by rewrite /competitor !sum3; vm_compute.
Qed.

End Rational.
