(** * Independent draws and the kept sample: the facts every proof uses

    Assumptions.  [p] is a law on a finite type, [w] a positive weight, [K >= 1].

    Claim.  Entries of a K-tuple drawn from [p] are independent with law [p];
    Luce's choice sums to one; the kept sample, each round and each iterate is a
    law again; a mean under C_K(p) is the mean, over tuples, of the chosen entry.

    Source.  Standard; the definitions are those of Loop.v. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Means.

Variables (R : realFieldType) (T : finType).
Implicit Types (p q f g w : T -> R) (A : pred T).

Lemma mean1 p : law p -> mean p (fun=> 1) = 1.
Proof. by move=> [_ p1]; rewrite -[RHS]p1; apply: eq_bigr => x _; rewrite mulr1. Qed.

Lemma mean_const p c : law p -> mean p (fun=> c) = c.
Proof. by move=> [_ p1]; rewrite /mean -mulr_suml p1 mul1r. Qed.

Lemma eq_mean p f g : f =1 g -> mean p f = mean p g.
Proof. by move=> fg; apply: eq_bigr => x _; rewrite fg. Qed.

Lemma meanD p f g : mean p (fun x => f x + g x) = mean p f + mean p g.
Proof. by rewrite /mean -big_split; apply: eq_bigr => x _; rewrite mulrDr. Qed.

Lemma meanZ p c f : mean p (fun x => c * f x) = c * mean p f.
Proof. by rewrite /mean mulr_sumr; apply: eq_bigr => x _; rewrite mulrCA. Qed.

Lemma mass_mean p A : mass p A = mean p (fun x => (A x)%:R).
Proof.
by rewrite /mass /mean big_mkcond; apply: eq_bigr => x _; case: (A x); rewrite ?mulr1 ?mulr0.
Qed.

Lemma mass_ge0 p A : law p -> 0 <= mass p A.
Proof. by move=> [p0 _]; apply: sumr_ge0. Qed.

Lemma massC p A : law p -> mass p (predC A) = 1 - mass p A.
Proof. by move=> [_ <-]; rewrite [in RHS](bigID A) /= addrC addKr. Qed.

Lemma mass_le1 p A : law p -> mass p A <= 1.
Proof. by move=> lp; rewrite -subr_ge0 -massC // mass_ge0. Qed.

(** Var = E[f^2] - (E f)^2. *)
Lemma variance_moments p f : law p -> variance p f = mean p (fun x => f x ^+ 2) - mean p f ^+ 2.
Proof.
move=> lp; set m := mean p f.
rewrite /variance -/m (eq_mean p (g := fun x => f x ^+ 2 + ((- 2 * m) * f x + m ^+ 2))).
  by rewrite meanD meanD meanZ mean_const // -/m; ring.
by move=> x; ring.
Qed.

Lemma variance_ge0 p f : law p -> 0 <= variance p f.
Proof. by move=> [p0 _]; apply: sumr_ge0 => x _; rewrite mulr_ge0 ?sqr_ge0. Qed.

(** A law charges some point, so the mean of a positive function is positive. *)
Lemma law_charges p : law p -> exists x, 0 < p x.
Proof.
move=> [p_ge0 p1]; apply/existsP; apply: contra_eqT p1; rewrite negb_exists => /forallP p_le0.
rewrite big1 1?eq_sym ?oner_eq0 // => x _; apply/eqP.
by rewrite eq_le p_ge0 andbT leNgt p_le0.
Qed.

Lemma mean_gt0 p f : law p -> (forall x, 0 < f x) -> 0 < mean p f.
Proof.
move=> lp f0; have [x px] := law_charges lp; have [p_ge0 _] := lp.
rewrite /mean (bigD1 x) //= ltr_spaddl ?mulr_gt0 //.
by apply: sumr_ge0 => y _; rewrite mulr_ge0 // ltW.
Qed.

End Means.

Section Tuples.

Variables (R : realFieldType) (T : finType) (K : nat).
Implicit Types (p q f g w : T -> R) (d : {ffun 'I_K -> T}).

Lemma tuple_law_ge0 p d : law p -> 0 <= tuple_law p d.
Proof. by move=> [p0 _]; apply: prodr_ge0. Qed.

(** The entries are independent: a product of functions of one entry each. *)
Lemma expect_prod p (g : 'I_K -> T -> R) :
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * \prod_i g i (d i) = \prod_i mean p (g i).
Proof. by rewrite bigA_distr_bigA; apply: eq_bigr => d _; rewrite -big_split. Qed.

Lemma expect1 p : law p -> \sum_(d : {ffun 'I_K -> T}) tuple_law p d = 1.
Proof.
move=> lp; have := expect_prod p (fun _ _ => 1).
rewrite [RHS]big1 => [<-|i _]; last exact: mean1.
by apply: eq_bigr => d _; rewrite big1_eq mulr1.
Qed.

Lemma expect_at p f k : law p ->
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * f (d k) = mean p f.
Proof.
move=> lp; have := expect_prod p (fun i => if i == k then f else fun=> 1).
rewrite [RHS](bigD1 k) //= eqxx [X in _ * X]big1 => [|i /negbTE->]; last exact: mean1.
rewrite mulr1 => <-; apply: eq_bigr => d _; congr (_ * _).
by rewrite (bigD1 k) //= eqxx big1 ?mulr1 // => i /negbTE->.
Qed.

Lemma expect_at2 p f g k l : law p -> k != l ->
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * (f (d k) * g (d l)) = mean p f * mean p g.
Proof.
move=> lp kl; have lk : l != k by rewrite eq_sym.
pose h i := if i == k then f else if i == l then g else fun=> 1.
have h1 i : i != k -> i != l -> h i = fun=> 1 by rewrite /h => /negbTE-> /negbTE->.
have [hk hl] : h k = f /\ h l = g by rewrite /h !eqxx (negbTE lk).
have := expect_prod p h.
rewrite [RHS](bigD1 k) //= (bigD1 l) //= hk hl [X in _ * (_ * X)]big1 => [|i /andP[ik il]].
  rewrite mulr1 => <-; apply: eq_bigr => d _; congr (_ * _).
  rewrite (bigD1 k) //= (bigD1 l) //= hk hl big1 ?mulr1 // => i /andP[ik il].
  by rewrite h1.
by rewrite h1 // mean1.
Qed.

Section Choice.

Variable w : T -> R.
Hypothesis w_gt0 : positive w.

Lemma total_gt0 d : (0 < K)%N -> 0 < \sum_j w (d j).
Proof.
case: K d => // n d _; rewrite big_ord_recl ltr_spaddl //.
by apply: sumr_ge0 => j _; apply: ltW.
Qed.

Lemma chosen_ge0 d k : 0 <= chosen w d k.
Proof. by rewrite divr_ge0 ?sumr_ge0 // => *; apply: ltW. Qed.

Lemma sum_chosen d : (0 < K)%N -> \sum_k chosen w d k = 1.
Proof. by move=> K0; rewrite -mulr_suml divff // gt_eqF ?total_gt0. Qed.

Lemma chosen_le1 d k : (0 < K)%N -> chosen w d k <= 1.
Proof.
move=> K0; rewrite -(sum_chosen d K0) (bigD1 k) //= ler_addl.
by apply: sumr_ge0 => j _; apply: chosen_ge0.
Qed.

(** E_{C_K(p)}[f] is the mean over tuples of f at the chosen entry. *)
Lemma mean_kept p f :
  mean (kept K w p) f =
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * \sum_k chosen w d k * f (d k).
Proof.
rewrite /mean /kept; under eq_bigr do rewrite mulr_suml.
rewrite exchange_big; apply: eq_bigr => d _ /=.
under eq_bigr do rewrite -mulrA mulr_suml.
rewrite -mulr_sumr; congr (_ * _).
rewrite [RHS](partition_big d predT) //=; apply: eq_bigr => x _.
by apply: eq_bigr => k /eqP->.
Qed.

Lemma kept_law p : (0 < K)%N -> law p -> law (kept K w p).
Proof.
move=> K0 lp; split=> [x|].
  apply: sumr_ge0 => d _; rewrite mulr_ge0 ?tuple_law_ge0 //.
  by apply: sumr_ge0 => k _; apply: chosen_ge0.
transitivity (mean (kept K w p) (fun=> 1)).
  by apply: eq_bigr => x _; rewrite mulr1.
rewrite mean_kept -[RHS](expect1 lp); apply: eq_bigr => d _.
by under eq_bigr do rewrite mulr1; rewrite sum_chosen ?mulr1.
Qed.

End Choice.

End Tuples.

Section Rounds.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Implicit Types (p f : T -> R) (A : pred T).

Lemma lam1_gt0 : 0 < 1 + lam. Proof. by rewrite ltr_spaddl ?ltr01. Qed.

Lemma mean_step p f :
  mean (step K lam w pref p) f = (mean pref f + lam * mean (kept K w p) f) / (1 + lam).
Proof.
rewrite /mean mulr_sumr -big_split mulr_suml; apply: eq_bigr => x _ /=.
by rewrite /step; ring.
Qed.

Lemma mass_step p A :
  mass (step K lam w pref p) A = (mass pref A + lam * mass (kept K w p) A) / (1 + lam).
Proof. by rewrite !mass_mean mean_step. Qed.

Lemma step_law p : law p -> law (step K lam w pref p).
Proof.
move=> lp; have [k0 k1] := kept_law w_gt0 K_gt0 lp; have [r0 r1] := pref_law; split=> [x|].
  by apply: divr_ge0; [rewrite addr_ge0 ?mulr_ge0 | exact: ltW lam1_gt0].
by rewrite -mulr_suml big_split /= -mulr_sumr k1 r1 mulr1 divff // gt_eqF ?lam1_gt0.
Qed.

Lemma mixedS p0 t : mixed K lam w pref p0 t.+1 = step K lam w pref (mixed K lam w pref p0 t).
Proof. by []. Qed.

Lemma pureS p0 t : pure K w p0 t.+1 = kept K w (pure K w p0 t).
Proof. by []. Qed.

Lemma mixed_law p0 t : law p0 -> law (mixed K lam w pref p0 t).
Proof. by move=> lp; elim: t => //= t; apply: step_law. Qed.

Lemma pure_law p0 t : law p0 -> law (pure K w p0 t).
Proof. by move=> lp; elim: t => //= t; apply: kept_law. Qed.

End Rounds.
