(** * One curated round dominates: no increasing reward can fall

    Assumptions.  [p] is any law on a finite type, [w] a positive weight,
    [K >= 1] draws per round.

    Claim.  [C_K(p)/p] is a non-decreasing function of the weight
    ([kept_ratio_increasing]); so [E_{C_K(p)}[f] >= E_p[f]] for every function
    [f] that is non-decreasing in the weight ([kept_mean_increases]), and every
    upper set of the weight gains mass ([kept_dominates]).  In the pure loop both
    hold from each round to the next ([pure_mean_increases], [pure_dominates]).

    Kind.  Lower bound (first-order stochastic dominance).

    Source.  This project; Chebyshev's sum inequality. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Ratio.

Variables (R : realFieldType) (T : finType) (w : T -> R).
Implicit Types (p q f : T -> R) (A : pred T).

(** 2 (E_q f - E_p f) as a sum over pairs of points. *)
Lemma mean_difference p q f : law p -> law q ->
  2 * (mean q f - mean p f) = \sum_x \sum_y (q x * p y - q y * p x) * (f x - f y).
Proof.
move=> lp lq; have [[_ p1] [_ q1]] := (lp, lq).
have half (r s : T -> R) : law s -> mean r f = \sum_x \sum_y r x * s y * f x.
  move=> [_ s1]; apply: eq_bigr => x _.
  by rewrite -mulr_suml -mulr_sumr s1 mulr1.
have flip (r s : T -> R) : law r -> mean s f = \sum_x \sum_y r x * s y * f y.
  move=> lr; rewrite (half s r lr) exchange_big; apply: eq_bigr => x _.
  by apply: eq_bigr => y _; rewrite [s y * _]mulrC.
transitivity (mean q f + mean q f - mean p f - mean p f); first by ring.
rewrite {1}(half q p lp) (flip p q lp) {1}(flip q p lq) (half p q lq).
rewrite -big_split -!sumrB; apply: eq_bigr => x _; rewrite /= -big_split -!sumrB.
by apply: eq_bigr => y _ /=; ring.
Qed.

(** A law with an increasing ratio has the larger mean of every increasing function. *)
Theorem ratio_mean_increases p q f : law p -> law q ->
  ratio_increasing w p q -> increasing_in w f -> mean p f <= mean q f.
Proof.
move=> lp lq pq f_inc; rewrite -subr_ge0 -(pmulr_rge0 _ (ltr0n R 2)) mean_difference //.
apply: sumr_ge0 => x _; apply: sumr_ge0 => y _.
have [xy|/ltW yx] := leP (w x) (w y).
  by rewrite mulr_le0 ?subr_le0 ?pq ?f_inc.
by rewrite mulr_ge0 ?subr_ge0 ?pq ?f_inc.
Qed.

Lemma indicator_increasing A : upper_set w A -> increasing_in w (fun x => (A x)%:R).
Proof. by move=> up x y xy; rewrite ler_nat; case: (boolP (A x)) => // /(up _ _ xy)->. Qed.

(** ... and gives every upper set at least as much mass. *)
Theorem ratio_dominates p q A : law p -> law q ->
  ratio_increasing w p q -> upper_set w A -> mass p A <= mass q A.
Proof.
by move=> lp lq pq up; rewrite !mass_mean; apply/ratio_mean_increases/indicator_increasing.
Qed.

(** A density that is non-decreasing in the weight makes the ratio increasing. *)
Lemma ratio_of_density p q g : law p -> (forall x, q x = p x * g x) ->
  increasing_in w g -> ratio_increasing w p q.
Proof.
move=> [p0 _] qE g_inc x y xy; rewrite !qE mulrAC [leRHS]mulrAC [p y * p x]mulrC.
by rewrite ler_wpmul2l ?mulr_ge0 ?g_inc.
Qed.

End Ratio.

Section Dominance.

Variables (R : realFieldType) (T : finType) (K : nat) (w : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w).
Implicit Types (p f : T -> R) (A : pred T).

Theorem kept_ratio_increasing p : law p -> ratio_increasing w p (kept K w p).
Proof.
move=> lp; rewrite -(prednK K_gt0).
by apply: (ratio_of_density lp (kept_density _ _ _)); apply: density_increasing.
Qed.

Theorem kept_mean_increases p f : law p -> increasing_in w f -> mean p f <= mean (kept K w p) f.
Proof.
move=> lp; apply: ratio_mean_increases => //; first exact: kept_law.
exact: kept_ratio_increasing.
Qed.

Theorem kept_dominates p A : law p -> upper_set w A -> mass p A <= mass (kept K w p) A.
Proof.
move=> lp; apply: ratio_dominates => //; first exact: kept_law.
exact: kept_ratio_increasing.
Qed.

Theorem pure_mean_increases p0 f t : law p0 -> increasing_in w f ->
  mean (pure K w p0 t) f <= mean (pure K w p0 t.+1) f.
Proof. by move=> lp; apply/kept_mean_increases/pure_law. Qed.

Theorem pure_dominates p0 A t : law p0 -> upper_set w A ->
  mass (pure K w p0 t) A <= mass (pure K w p0 t.+1) A.
Proof. by move=> lp; apply/kept_dominates/pure_law. Qed.

End Dominance.
