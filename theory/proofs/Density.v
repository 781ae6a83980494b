(** * The density of the kept sample, equation (1)

    Assumptions.  [p] is a law on a finite type, [w] a positive weight, [K = n+1].

    Claim.  [C_K(p)(x) = p(x) H(x)] with
    [H(x) = K w(x) E[1 / (w(x) + w(X_2) + ... + w(X_K))]], the competitors drawn
    from [p] ([kept_density]).  The expectation is written with one operator per
    competitor, [(C phi)(s) = sum_x p(x) phi(s + w(x))], so that proofs can go by
    induction on their number.  H lies in [[0, K]] and increases with the weight;
    one draw changes nothing ([one_draw]).

    Kind.  Equality.

    Source.  Ferbach et al. 2024, equation (1). *)

From mathcomp Require Import all_ssreflect all_fingroup all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Density.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Implicit Types (p : T -> R) (phi : R -> R) (s : R).

(** Average over the weight of one more competitor. *)
Definition competitor p phi s : R := \sum_x p x * phi (s + w x).

(** E[1 / (s + w(X_1) + ... + w(X_n))]. *)
Definition inverse_total p n s : R := iter n (competitor p) (fun u => u^-1) s.

(** H(x), for [n] competitors. *)
Definition density p n x : R := n.+1%:R * (w x * inverse_total p n (w x)).

Section Splitting.

Variable n : nat.

Definition prepend (z : T * {ffun 'I_n -> T}) : {ffun 'I_n.+1 -> T} :=
  [ffun i => oapp z.2 z.1 (unlift ord0 i)].

Lemma prepend0 z : prepend z ord0 = z.1.
Proof. by rewrite ffunE unlift_none. Qed.

Lemma prepend_lift z i : prepend z (lift ord0 i) = z.2 i.
Proof. by rewrite ffunE liftK. Qed.

Lemma sum_prepend (F : {ffun 'I_n.+1 -> T} -> R) : \sum_d F d = \sum_x \sum_d F (prepend (x, d)).
Proof.
rewrite pair_big /=; rewrite (reindex prepend); first by apply: eq_bigr => -[].
exists (fun d : {ffun 'I_n.+1 -> T} => (d ord0, [ffun i => d (lift ord0 i)])) => [[x d] _|d _] /=.
  by congr pair; [rewrite prepend0 | apply/ffunP => i; rewrite ffunE prepend_lift].
apply/ffunP => i; case: (unliftP ord0 i) => [j ->|->]; last by rewrite prepend0.
by rewrite prepend_lift ffunE.
Qed.

Lemma tuple_law_prepend p z : tuple_law p (prepend z) = p z.1 * tuple_law p z.2.
Proof.
rewrite /tuple_law big_ord_recl prepend0; congr (_ * _).
by apply: eq_bigr => i _; rewrite prepend_lift.
Qed.

Lemma total_prepend z : \sum_j w (prepend z j) = w z.1 + \sum_j w (z.2 j).
Proof.
rewrite big_ord_recl prepend0; congr (_ + _).
by apply: eq_bigr => i _; rewrite prepend_lift.
Qed.

End Splitting.

Lemma sum_tuples p phi n s :
  \sum_(d : {ffun 'I_n -> T}) tuple_law p d * phi (s + \sum_j w (d j)) =
  iter n (competitor p) phi s.
Proof.
elim: n s => [|n IH] s /=.
  rewrite (eq_bigr (fun=> phi s)) => [|d _]; last by rewrite /tuple_law !big_ord0 mul1r addr0.
  by rewrite sumr_const card_ffun card_ord expn0.
rewrite sum_prepend; apply: eq_bigr => x _; rewrite -IH mulr_sumr.
by apply: eq_bigr => d _; rewrite tuple_law_prepend total_prepend addrA mulrA.
Qed.

(** Every entry of the tuple is as likely as the first to be the one kept. *)
Lemma by_symmetry p n (k : 'I_n.+1) x :
  \sum_(d : {ffun 'I_n.+1 -> T} | d k == x) tuple_law p d * chosen w d k =
  \sum_(d : {ffun 'I_n.+1 -> T} | d ord0 == x) tuple_law p d * chosen w d ord0.
Proof.
pose swap (d : {ffun 'I_n.+1 -> T}) := [ffun i => d (tperm ord0 k i)].
have swapK : involutive swap by move=> d; apply/ffunP => i; rewrite !ffunE tpermK.
rewrite (reindex_inj (inv_inj swapK)) /=.
apply: eq_big => [d|d _]; first by rewrite ffunE tpermR.
congr (_ * _).
  by rewrite [RHS](reindex_inj (@perm_inj _ (tperm ord0 k))); apply: eq_bigr => i _; rewrite ffunE.
rewrite /chosen ffunE tpermR; congr (_ / _).
by rewrite [RHS](reindex_inj (@perm_inj _ (tperm ord0 k))); apply: eq_bigr => i _; rewrite ffunE.
Qed.

(** Equation (1): the definition by tuples and the density agree. *)
Theorem kept_density p n x : kept n.+1 w p x = p x * density p n x.
Proof.
have -> : kept n.+1 w p x = \sum_(k < n.+1)
    \sum_(d : {ffun 'I_n.+1 -> T} | d k == x) tuple_law p d * chosen w d k.
  rewrite (exchange_big_dep predT) //=; apply: eq_bigr => d _.
  by rewrite mulr_sumr; apply: eq_bigl => k.
rewrite (eq_bigr _ (fun k _ => by_symmetry p k x)) sumr_const card_ord.
rewrite big_mkcond sum_prepend (bigD1 x) //= [X in _ + X]big1 ?addr0 => [|y yx]; last first.
  by apply: big1 => d _; rewrite prepend0 (negbTE yx).
rewrite /density /inverse_total -sum_tuples mulrCA mulr_natl; congr (_ *+ _).
rewrite mulrA mulr_sumr; apply: eq_bigr => d _.
by rewrite prepend0 eqxx tuple_law_prepend /chosen prepend0 total_prepend /=; ring.
Qed.

Section Facts.

Hypothesis w_gt0 : positive w.
Variable p : T -> R.
Hypothesis p_law : law p.

Let p_ge0 x : 0 <= p x. Proof. by have [] := p_law. Qed.

Lemma inverse_total_bounds n s : 0 < s -> 0 <= inverse_total p n s <= s^-1.
Proof.
rewrite /inverse_total; elim: n s => [|n IH] s s0 /=; first by rewrite invr_ge0 ltW /=.
have sw x : 0 < s + w x by rewrite addr_gt0.
apply/andP; split.
  by apply: sumr_ge0 => x _; rewrite mulr_ge0 //; have /andP[] := IH _ (sw x).
rewrite -[s^-1](mean_const _ p_law); apply: ler_sum => x _; apply: ler_wpmul2l => //.
have /andP[_ /le_trans] := IH _ (sw x); apply.
by rewrite lef_pinv ?posrE // ler_addl ltW.
Qed.

Lemma density_ge0 n x : 0 <= density p n x.
Proof.
have /andP[h _] := inverse_total_bounds n (w_gt0 x).
by rewrite /density mulr_ge0 ?ler0n // mulr_ge0 // ltW.
Qed.

(** H <= K: no sample is kept more than K times as often as it is drawn. *)
Lemma density_le n x : density p n x <= n.+1%:R.
Proof.
have /andP[_ h] := inverse_total_bounds n (w_gt0 x).
rewrite /density -[leRHS]mulr1 ler_wpmul2l ?ler0n // -(divff (lt0r_neq0 (w_gt0 x))).
by rewrite ler_wpmul2l // ltW.
Qed.

(** s times the inverse total increases with s. *)
Lemma share_increasing n s s' c : 0 < s -> s <= s' -> 0 <= c ->
  s * inverse_total p n (s + c) <= s' * inverse_total p n (s' + c).
Proof.
move=> s0 ss' ; have s'0 := lt_le_trans s0 ss'.
rewrite /inverse_total; elim: n c => [|n IH] c c0 /=.
  have [sc s'c] : 0 < s + c /\ 0 < s' + c by rewrite !ltr_paddr.
  rewrite ler_pdivr_mulr // mulrAC ler_pdivl_mulr // !mulrDr mulrC ler_add2l.
  by rewrite ler_wpmul2r.
rewrite !mulr_sumr; apply: ler_sum => x _; rewrite !(mulrCA _ (p x)) ler_wpmul2l //.
by rewrite -!addrA IH // addr_ge0 // ltW.
Qed.

(** H is a non-decreasing function of the weight. *)
Lemma density_increasing n : increasing_in w (density p n).
Proof.
move=> x y xy; rewrite /density ler_wpmul2l ?ler0n //.
by have := share_increasing n (w_gt0 x) xy (lexx 0); rewrite !addr0.
Qed.

(** K = 1: the only draw is kept. *)
Theorem one_draw x : kept 1 w p x = p x.
Proof. by rewrite kept_density /density /inverse_total /= mul1r divff ?mulr1 // gt_eqF. Qed.

End Facts.

End Density.
