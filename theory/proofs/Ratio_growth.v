(** * How fast the density ratio can grow between two rewards

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight, [K >= 1] or K = infinity,
    [lam >= 0] or lam = infinity, [p_0 = p_ref], [w x <= w y].

    Claim.  [p_t(y)/p_ref(y) <= (w(y)/w(x))^t p_t(x)/p_ref(x)], written without divisions
    ([mixed_ratio_growth], [pure_ratio_growth], [tilted_ratio_growth], [tilted_pure_ratio_growth]).
    With Likelihood_ratio.v and Infinite_candidates.v: the ratio rises with the weight, but no
    faster than its t-th power.

    Kind.  Upper bounds; K = infinity without real data has equality.

    Source.  This project.  The factor of a round obeys [H(y) w(x) <= H(x) w(y)], since
    [E[1/(w + S)]] falls as w rises. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Infinite_candidates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Ratio_growth.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Variables x y : T.
Hypothesis xy : w x <= w y.

Let wx_ge0 : 0 <= w x. Proof. exact: ltW. Qed.
Let r_ge0 z : 0 <= pref z. Proof. by have [] := pref_law. Qed.

(** The ratio to the reference, between [x] and [y], within the [t]-th power of the weights'. *)
Definition grows_within t (p : T -> R) : Prop :=
  p y * pref x * w x ^+ t <= p x * pref y * w y ^+ t.

(** A round whose factor grows no faster than the weight adds one power. *)
Lemma round_grows t (p H : T -> R) : law p -> (forall z, 0 <= H z) ->
  H y * w x <= H x * w y -> grows_within t p -> grows_within t.+1 (fun z => p z * H z).
Proof.
move=> [p_ge0 _] H_ge0 H_le growth; rewrite /grows_within !exprS.
have regroup (a b c d e : R) : a * b * c * (d * e) = (a * c * e) * (b * d) by ring.
rewrite (regroup (p y)) (regroup (p x)); apply: ler_pmul => //; last exact: mulr_ge0.
by rewrite !mulr_ge0 ?exprn_ge0.
Qed.

Lemma mixing_grows t c :
  grows_within t c -> grows_within t (fun z => (pref z + lam * c z) / (1 + lam)).
Proof.
rewrite /grows_within => growth.
have lam1 : 0 <= (1 + lam)^-1 by rewrite invr_ge0 addr_ge0 ?ler01.
have regroup (a b d e : R) : (a + lam * b) / (1 + lam) * d * e =
  (1 + lam)^-1 * (a * d * e + lam * (b * d * e)) by ring.
rewrite !regroup; apply: ler_wpmul2l => //; apply: ler_add; last exact: ler_wpmul2l.
rewrite [pref y * _]mulrC; apply: ler_wpmul2l; first exact: mulr_ge0.
by apply: ler_expn2r; rewrite ?nnegrE // ltW.
Qed.

Lemma inverse_total_decreasing p n s s' : law p -> 0 < s -> s <= s' ->
  inverse_total w p n s' <= inverse_total w p n s.
Proof.
move=> [p_ge0 _]; rewrite /inverse_total; elim: n s s' => [|n IH] s s' s_gt0 ss' /=.
  by rewrite lef_pinv ?posrE // (lt_le_trans s_gt0).
by apply: ler_sum => z _; apply: ler_wpmul2l => //; apply: IH; rewrite ?addr_gt0 ?ler_add2r.
Qed.

Lemma kept_grows t p : law p -> grows_within t p -> grows_within t.+1 (kept K w p).
Proof.
move=> p_law growth; rewrite -(prednK K_gt0) /grows_within !kept_density.
apply: (round_grows p_law _ _ growth) => [z|]; first exact: density_ge0.
rewrite /density; have regroup (k a b c : R) : k * (a * b) * c = k * (a * c) * b by ring.
rewrite (regroup _ (w y)) (regroup _ (w x)) [w y * w x]mulrC.
apply: ler_wpmul2l; last exact: inverse_total_decreasing.
by rewrite !mulr_ge0 ?ler0n ?ltW.
Qed.

Lemma tilted_grows t p : law p -> grows_within t p -> grows_within t.+1 (tilted w p).
Proof.
move=> p_law growth; have mu_gt0 := mean_w_gt0 w_gt0 p_law.
have tiltedE z : tilted w p z = p z * (w z / mean p w) by rewrite mulrA.
rewrite /grows_within !tiltedE.
apply: (round_grows (H := fun z => w z / mean p w) p_law _ _ growth) => [z|].
  by rewrite divr_ge0 // ltW.
by rewrite mulrAC [w y * w x]mulrC mulrAC.
Qed.

Let start : grows_within 0 pref. Proof. by rewrite /grows_within !expr0 !mulr1 mulrC. Qed.

Theorem mixed_ratio_growth t : grows_within t (mixed K lam w pref pref t).
Proof.
elim: t => [|t IH]; first exact: start.
by apply/mixing_grows/kept_grows => //; exact: mixed_law.
Qed.

Theorem pure_ratio_growth t : grows_within t (pure K w pref t).
Proof.
elim: t => [|t IH]; first exact: start.
by apply/kept_grows => //; exact: pure_law.
Qed.

Theorem tilted_ratio_growth t : grows_within t (tilted_mixed lam w pref pref t).
Proof.
elim: t => [|t IH]; first exact: start.
by apply/mixing_grows/tilted_grows => //; exact: tilted_mixed_law.
Qed.

Theorem tilted_pure_ratio_growth t : grows_within t (tilted_pure w pref t).
Proof.
elim: t => [|t IH]; first exact: start.
by apply/tilted_grows => //; exact: tilted_pure_law.
Qed.

End Ratio_growth.
