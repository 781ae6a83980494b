(** * Monotone likelihood ratio: curation and the loop preserve it

    Assumptions.  Laws on a finite type, [w] a positive weight, [K >= 1],
    [lam >= 0], [p_0 = p_ref].

    Claim.  If [q1/q] is a non-decreasing function of the weight, so is
    [C_K(q1)/C_K(q)] ([kept_keeps_ratio]).  In the mixed loop [p_t/p_ref] is
    non-decreasing in the weight for every [t] ([mixed_ratio_increasing], with a
    division [mixed_ratio]), hence [C_K(p_t)/C_K(p_ref)] too
    ([kept_mixed_ratio_increasing]); the same without real data ([pure_ratio_increasing]).

    Proof.  Swap the K-1 competitors from [q] to [q1] one at a time.  A mean of
    functions [1/(s + c)] is log-convex in [s], so each swap makes the ratio of the
    two inverse totals increase with [s] ([swap_one]).

    Kind.  Order statement.

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Dominance.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Log_convexity.

Variable R : realFieldType.
Implicit Types (phi : R -> R) (a b s : R).

(** [phi b * phi b' <= phi a * phi d] whenever b and b' lie between a and d with the same sum. *)
Definition log_convex phi : Prop := forall a d b b', 0 < a -> a <= b -> a <= b' ->
  a + d = b + b' -> phi b * phi b' <= phi a * phi d.

(** [phi] is a sum of functions [m / (s + c)]. *)
Definition mixture phi : Prop := exists (I : finType) (m c : I -> R),
  [/\ forall i, 0 <= m i, forall i, 0 <= c i & forall s, phi s = \sum_i m i / (s + c i)].

Lemma two_poles a d b b' c c' : 0 < a -> a <= b -> a <= b' -> a + d = b + b' ->
    0 <= c -> 0 <= c' ->
  ((b + c) * (b' + c'))^-1 + ((b + c') * (b' + c))^-1 <=
  ((a + c) * (d + c'))^-1 + ((a + c') * (d + c))^-1.
Proof.
move=> a0 ab ab' ad; wlog cc' : c c' / c <= c'.
  move=> th c0 c'0; have [cc'|/ltW c'c] := leP c c'; first exact: th.
  by rewrite addrC [leRHS]addrC; apply: th.
move=> c0 c'0.
pose e := b - a; pose f := b' - a; pose x := a + c; pose h := c' - c.
have [e0 f0 h0 x0] : [/\ 0 <= e, 0 <= f, 0 <= h & 0 < x] by rewrite !subr_ge0 ltr_paddr.
have xh0 : 0 < x + h by rewrite ltr_paddr.
have -> : b + c = x + e by rewrite /x /e; ring.
have -> : b' + c = x + f by rewrite /x /f; ring.
have -> : b + c' = x + h + e by rewrite /x /h /e; ring.
have -> : b' + c' = x + h + f by rewrite /x /h /f; ring.
have -> : a + c' = x + h by rewrite /x /h; ring.
have dE : d = e + f + a by rewrite /e /f -[d](addKr a) ad; ring.
have -> : d + c = x + e + f by rewrite dE /x; ring.
have -> : d + c' = x + h + e + f by rewrite dE /x /h; ring.
rewrite -subr_ge0.
set A := x * (x + e + f); set B := (x + h) * (x + h + e + f); set S := x + (x + e + f).
have -> : (x * (x + h + e + f))^-1 + ((x + h) * (x + e + f))^-1 -
    (((x + e) * (x + h + f))^-1 + ((x + h + e) * (x + f))^-1) =
  e * f * (2 * A ^+ 2 + (A + B) * h * S + e * f * (2 * A + S * h)) /
  (A * ((x + e) * (x + f)) * B * ((x + h + e) * (x + h + f))).
  rewrite /A /B /S; field.
  by rewrite !gt_eqF // ?ltr_paddr.
have x_ge0 := ltW x0.
apply: divr_ge0; last by do ![assumption | apply: mulr_ge0 | apply: addr_ge0].
by do ![assumption | exact: ler0n | apply: exprn_ge0 | apply: mulr_ge0 | apply: addr_ge0].
Qed.

Lemma mixture_log_convex phi : mixture phi -> log_convex phi.
Proof.
move=> [I [m [c [m0 c0 phiE]]]] a d b b' a0 ab ab' ad.
have product u v : phi u * phi v = \sum_i \sum_j m i * m j * ((u + c i) * (v + c j))^-1.
  rewrite !phiE mulr_suml; apply: eq_bigr => i _; rewrite mulr_sumr.
  by apply: eq_bigr => j _; rewrite mulrACA invfM.
have swapped u v : phi u * phi v = \sum_i \sum_j m i * m j * ((u + c j) * (v + c i))^-1.
  rewrite product exchange_big; apply: eq_bigr => i _; apply: eq_bigr => j _.
  by rewrite [m j * _]mulrC.
rewrite -(ler_pmul2l (ltr0n R 2)) !mulr_natl !mulr2n.
rewrite {1}(product b) (swapped b) {1}(product a) (swapped a) -!big_split.
apply: ler_sum => i _; rewrite /= -!big_split; apply: ler_sum => j _.
by rewrite /= -!mulrDr ler_wpmul2l ?mulr_ge0 ?two_poles.
Qed.

End Log_convexity.

Section Swapping.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Hypothesis w_gt0 : positive w.
Implicit Types (p q : T -> R) (phi psi : R -> R) (s : R).

Local Notation C := (competitor w).

Definition positive_on phi : Prop := forall s, 0 < s -> 0 < phi s.

(** psi/phi is non-decreasing on the positive numbers. *)
Definition rising phi psi : Prop :=
  forall s s', 0 < s -> s <= s' -> psi s * phi s' <= psi s' * phi s.

Lemma rising_trans phi psi chi : positive_on psi -> positive_on phi -> positive_on chi ->
  rising phi psi -> rising psi chi -> rising phi chi.
Proof.
move=> psi0 phi0 chi0 r1 r2 s s' s0 ss'; have s'0 := lt_le_trans s0 ss'.
rewrite -(ler_pmul2l (mulr_gt0 (psi0 s s0) (psi0 s' s'0))).
have := ler_pmul (ltW _) (ltW _) (r1 s s' s0 ss') (r2 s s' s0 ss').
rewrite !mulr_gt0 ?psi0 ?phi0 ?chi0 // => /(_ isT isT).
by congr (_ <= _); ring.
Qed.

Lemma competitor_mixture p phi : law p -> mixture phi -> mixture (C p phi).
Proof.
move=> [p0 _] [I [m [c [m0 c0 phiE]]]].
exists [finType of T * I], (fun z => p z.1 * m z.2), (fun z => w z.1 + c z.2).
split=> [z|z|s]; rewrite ?mulr_ge0 ?addr_ge0 ?(ltW (w_gt0 _)) //.
rewrite /competitor -(pair_bigA _ (fun x i => p x * m i / (s + (w x + c i)))) /=.
apply: eq_bigr => x _; rewrite phiE mulr_sumr.
by apply: eq_bigr => i _; rewrite addrA mulrA.
Qed.

Lemma competitor_positive p phi : law p -> positive_on phi -> positive_on (C p phi).
Proof. by move=> lp phi0 s s0; apply: mean_gt0 => // x; rewrite phi0 ?addr_gt0. Qed.

Lemma competitorC p q phi s : C p (C q phi) s = C q (C p phi) s.
Proof.
rewrite /competitor; under eq_bigr do rewrite mulr_sumr.
rewrite exchange_big; apply: eq_bigr => y _; rewrite mulr_sumr.
by apply: eq_bigr => x _; rewrite mulrCA addrAC.
Qed.

Lemma competitor_iter p q phi n s : iter n (C q) (C p phi) s = C p (iter n (C q) phi) s.
Proof.
elim: n s => //= n IH s; rewrite competitorC.
by apply: eq_bigr => x _; rewrite IH.
Qed.

(** One competitor swapped from q to q1. *)
Lemma swap_one q q1 phi : ratio_increasing w q q1 -> log_convex phi ->
  rising (C q phi) (C q1 phi).
Proof.
move=> ratio convex s s' s0 ss'.
pose D x y := phi (s' + w x) * phi (s + w y) - phi (s + w x) * phi (s' + w y).
have D_anti x y : D y x = - D x y by rewrite /D; ring.
have D_ge0 x y : w y <= w x -> 0 <= D x y.
  move=> yx; rewrite subr_ge0 [leRHS]mulrC; apply: convex.
  - by rewrite addr_gt0.
  - by rewrite ler_add2l.
  - by rewrite ler_add2r.
  - by ring.
have product r r' u v : C r phi u * C r' phi v =
    \sum_x \sum_y r x * r' y * (phi (u + w x) * phi (v + w y)).
  rewrite mulr_suml; apply: eq_bigr => x _; rewrite mulr_sumr.
  by apply: eq_bigr => y _; ring.
have E1 : C q1 phi s' * C q phi s - C q1 phi s * C q phi s' =
    \sum_x \sum_y q1 x * q y * D x y.
  rewrite !product -sumrB; apply: eq_bigr => x _; rewrite -sumrB.
  by apply: eq_bigr => y _; rewrite /D; ring.
have E2 : \sum_x \sum_y q1 x * q y * D x y = - \sum_x \sum_y q1 y * q x * D x y.
  rewrite exchange_big -sumrN; apply: eq_bigr => x _; rewrite -sumrN.
  by apply: eq_bigr => y _; rewrite D_anti mulrN.
rewrite -subr_ge0 -(pmulr_rge0 _ (ltr0n R 2)) mulr_natl mulr2n E1 {2}E2 -sumrB.
apply: sumr_ge0 => x _; rewrite -sumrB; apply: sumr_ge0 => y _; rewrite -mulrBl.
have [xy|/ltW yx] := leP (w x) (w y).
  apply: mulr_le0; first by rewrite subr_le0 ratio.
  by rewrite D_anti oppr_le0 D_ge0.
by apply: mulr_ge0; [rewrite subr_ge0 ratio | apply: D_ge0].
Qed.

Section Chain.

Variables (q q1 : T -> R).
Hypotheses (q_law : law q) (q1_law : law q1) (ratio : ratio_increasing w q q1).

(** a competitors from q1 and b from q. *)
Let Psi a b : R -> R := iter b (C q) (iter a (C q1) (fun u => u^-1)).

Let Psi_mixture a b : mixture (Psi a b).
Proof.
elim: b => [|b IH] /=; last exact: competitor_mixture.
elim: a => [|a IH] /=; last exact: competitor_mixture.
exists [finType of unit], (fun=> 1), (fun=> 0); split=> [_|_|s]; rewrite ?ler01 ?lexx //.
rewrite (eq_bigr (fun=> s^-1)) => [|i _]; last by rewrite addr0 mul1r.
by rewrite sumr_const card_unit.
Qed.

Let Psi_positive a b : positive_on (Psi a b).
Proof.
elim: b => [|b IH] /=; last exact: competitor_positive.
elim: a => [|a IH] /=; last exact: competitor_positive.
by move=> s; rewrite /Psi /= invr_gt0.
Qed.

Lemma swap_all n : rising (inverse_total w q n) (inverse_total w q1 n).
Proof.
suff th a b : rising (Psi 0 (a + b)) (Psi a b) by have := th n 0%N; rewrite addn0.
elim: a b => [|a IH] b; first by move=> s s' _ _; rewrite mulrC.
apply: (@rising_trans _ (Psi a b.+1)); [exact: Psi_positive..| |].
  by rewrite addSnnS; apply: IH.
move=> s s' s0 ss'; rewrite /Psi /= !competitor_iter.
exact: (swap_one ratio (mixture_log_convex (Psi_mixture a b))).
Qed.

(** Curation preserves a monotone likelihood ratio. *)
Theorem kept_keeps_ratio K : (0 < K)%N -> ratio_increasing w (kept K w q) (kept K w q1).
Proof.
move=> K0; rewrite -(prednK K0) => x y xy; rewrite !kept_density.
rewrite mulrACA [leRHS]mulrACA; have [[q0 _] [q10 _]] := (q_law, q1_law).
apply: ler_pmul; first by rewrite mulr_ge0.
- by apply: mulr_ge0; apply: density_ge0.
- exact: ratio.
have regroup (k a b c d : R) : k * (a * b) * (k * (c * d)) = k * k * (a * c) * (b * d) by ring.
rewrite /density !regroup [w y * w x]mulrC; apply: ler_wpmul2l; last exact: swap_all.
by rewrite !mulr_ge0 ?ler0n ?(ltW (w_gt0 _)).
Qed.

End Chain.

End Swapping.

Section Loops.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).

Lemma kept_raises_ratio p : law p -> ratio_increasing w pref p ->
  ratio_increasing w pref (kept K w p).
Proof.
move=> lp ratio x y xy; rewrite -(prednK K_gt0) !kept_density mulrAC [leRHS]mulrAC.
have [[p0 _] [r0 _]] := (lp, pref_law).
apply: ler_pmul; [by rewrite mulr_ge0 | exact: density_ge0 | exact: ratio |].
exact: density_increasing.
Qed.

(** p_t/p_ref is non-decreasing in the weight, for every t. *)
Theorem mixed_ratio_increasing t : ratio_increasing w pref (mixed K lam w pref pref t).
Proof.
elim: t => [|t IH] x y xy; first by rewrite mulrC.
have := kept_raises_ratio (mixed_law K_gt0 lam_ge0 w_gt0 pref_law t pref_law) IH xy.
rewrite /= /step; set k := kept K w _ => k_ratio.
rewrite mulrAC [leRHS]mulrAC; apply: ler_wpmul2r; first by rewrite invr_ge0 addr_ge0 ?ler01.
by rewrite !mulrDl [pref y * _]mulrC ler_add2l -!mulrA ler_wpmul2l.
Qed.

(** The same with the division written out. *)
Corollary mixed_ratio t x y : w x <= w y -> 0 < pref x -> 0 < pref y ->
  mixed K lam w pref pref t x / pref x <= mixed K lam w pref pref t y / pref y.
Proof.
move=> xy x0 y0; rewrite ler_pdivr_mulr // mulrAC ler_pdivl_mulr //.
exact: mixed_ratio_increasing.
Qed.

Theorem kept_mixed_ratio_increasing t :
  ratio_increasing w (kept K w pref) (kept K w (mixed K lam w pref pref t)).
Proof.
by apply: kept_keeps_ratio => //; [apply: mixed_law | apply: mixed_ratio_increasing].
Qed.

Theorem pure_ratio_increasing t : ratio_increasing w pref (pure K w pref t).
Proof.
elim: t => [|t IH]; first by move=> x y _; rewrite mulrC.
by apply: kept_raises_ratio => //; apply: pure_law.
Qed.

End Loops.
