(** * Divergences below an envelope

    Assumptions.  [p] and [q] are laws on a finite type with the same support; [u : R -> R] has
    [u 0 = 0] and [u 1 = 1], and [u (p(A)) <= q(A)] for every set [A].  [phi] is convex with slope
    [s], and [L] is an integral of [phi o u'] in the only sense that is needed ([cell_bound]): over
    every cell [[a, b]] and for every [c > 0],
    [L b - L a >= (b - a) (phi c - s c * c) + s c * (u b - u a)], the tangent of [phi] at [c]
    integrated over the cell.

    Claim.  [sum_x p(x) phi(q(x) / p(x)) <= L 1] ([divergence_below_envelope]): the divergence is at
    most that of the density [1/u'].  With [phi = - ln] it is [KL(p || q)], with
    [phi y = y ln y] it is [KL(q || p)], with [phi y = 1/y - 1] the chi-square divergence.

    Kind.  Upper bound.

    Source.  This project.  Atoms are taken in the order of rising [c = q/p].  With [P], [Q] the
    masses of those taken so far and [r] no less than their slopes [s(c)],
    [L P - sum p phi(q/p) >= r (u P - Q)]: the next atom adds at least [s(c) (Delta u - q)] on the
    left (the tangent at its own [c]), and raising [r] only lowers the right side, since
    [u P <= Q].  When all are taken, [u 1 - 1 = 0]. *)

From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** Reals reads arguments of [ln] in its own scope, where the division is another. *)
#[global] Arguments ln _%R.

(** sum_x p(x) phi(q(x) / p(x)) over the atoms of p. *)
Definition divergence (T : finType) (phi : R -> R) (p q : T -> R) : R :=
  \sum_(x | 0 < p x) p x * phi (q x / p x).

(** KL(p || q) in nats.  [ln] of the standard library is 0 at 0 and division by 0 gives 0, so that
    atoms without mass under [p] add nothing. *)
Definition relative_entropy (T : finType) (p q : T -> R) : R := \sum_x p x * ln (p x / q x).

Lemma lnV (x : R) : 0 < x -> ln x^-1 = - ln x.
Proof. by move=> x_gt0; rewrite -RinvE ?gt_eqF // ln_Rinv //; exact/RltP. Qed.

Lemma relative_entropyE (T : finType) (p q : T -> R) : law p ->
  (forall x, (0 < p x) = (0 < q x)) -> relative_entropy p q = divergence (fun y => - ln y) p q.
Proof.
move=> [p_ge0 _] same_support; rewrite /divergence big_mkcond; apply: eq_bigr => x _.
case: ifPn => [p_gt0|p_le0].
  by rewrite -[p x / q x]invrK lnV ?invr_gt0 ?divr_gt0 -?same_support // invf_div.
have -> : p x = 0 by apply/eqP; rewrite eq_le p_ge0 andbT leNgt.
by rewrite mul0r.
Qed.

(** [L] grows over every cell at least as the tangents of [phi], taken at the slopes of [u], do. *)
Definition cell_bound (phi s u L : R -> R) : Prop := forall a b c,
  0 <= a -> a < b -> b <= 1 -> 0 < c ->
  (b - a) * (phi c - s c * c) + s c * (u b - u a) <= L b - L a.

Section Envelope_to_divergence.

Variables (T : finType) (p q : T -> R) (phi s u L : R -> R).
Hypotheses (p_law : law p) (q_law : law q) (same_support : forall x, (0 < p x) = (0 < q x)).
Hypotheses (u_0 : u 0 = 0) (u_1 : u 1 = 1) (L_0 : L 0 = 0) (L_bound : cell_bound phi s u L).
Hypothesis s_increasing : forall c d, 0 < c -> c <= d -> s c <= s d.
Hypothesis envelope : forall A : pred T, u (mass p A) <= mass q A.

Let ratio x := q x / p x.
Let above := [rel x y | ratio y <= ratio x].

Let p_ge0 x : 0 <= p x. Proof. by have [] := p_law. Qed.

Let mass_of_atoms (f : T -> R) A : uniq A -> \sum_(x <- A) f x = mass f (mem A).
Proof. by move=> uniq_A; rewrite /mass big_uniq. Qed.

(** The induction over the atoms, the last one taken at the head of the list. *)
Lemma prefix_bound A (r : R) : uniq A -> all [pred x | 0 < p x] A ->
  sorted above A -> all (fun x => s (ratio x) <= r) A ->
  r * (u (\sum_(x <- A) p x) - \sum_(x <- A) q x) <=
  L (\sum_(x <- A) p x) - \sum_(x <- A) p x * phi (ratio x).
Proof.
elim: A r => [|x A IHA] r; first by rewrite !big_nil u_0 L_0 !subr0 mulr0.
move=> uniq_xA /= /andP[p_gt0 p_gt0_A] path_xA /andP[s_le _].
have q_gt0 : 0 < q x by rewrite -same_support.
have above_trans : transitive above by move=> y z t /= yz tz; apply: le_trans tz yz.
have uniq_A : uniq A by case/andP: uniq_xA.
have slopes : all (fun y => s (ratio y) <= s (ratio x)) A.
  apply/allP => y y_in; apply: s_increasing.
    by have := allP p_gt0_A y y_in => /= py; rewrite divr_gt0 // -same_support.
  by have := allP (order_path_min above_trans path_xA) y y_in.
have IH := IHA (s (ratio x)) uniq_A p_gt0_A (path_sorted path_xA) slopes.
have D_le0 : u (\sum_(y <- x :: A) p y) - \sum_(y <- x :: A) q y <= 0.
  by rewrite !mass_of_atoms // subr_le0.
apply: le_trans (ler_wnmul2r D_le0 s_le) _.
rewrite !big_cons; set P := \sum_(j <- A) p j in IH *; set Q := \sum_(j <- A) q j in IH *.
have P_ge0 : 0 <= P by exact: sumr_ge0.
have P_le1 : P + p x <= 1.
  have -> : P + p x = mass p (mem (x :: A)) by rewrite -mass_of_atoms // big_cons addrC.
  rewrite -p_law.2 /mass [X in _ <= X](bigID (mem (x :: A))) /= ler_addl.
  exact: sumr_ge0.
have P_lt : P < P + p x by rewrite ltr_addl p_gt0.
have := L_bound P_ge0 P_lt P_le1 (divr_gt0 q_gt0 p_gt0 : 0 < ratio x).
have -> : P + p x - P = p x by rewrite addrC addKr.
move=> cell; rewrite [p x + P]addrC.
have regroup (A' B c e : R) : c - (A' + B) = (e - B) + (c - e - A') by ring.
rewrite (regroup _ _ (L (P + p x)) (L P)).
have -> : s (ratio x) * (u (P + p x) - (q x + Q)) =
  s (ratio x) * (u P - Q) + s (ratio x) * (u (P + p x) - u P - q x).
  have identity (c v v' d e : R) : c * (v' - (d + e)) = c * (v - e) + c * (v' - v - d) by ring.
  exact: identity.
apply: ler_add => //; rewrite ler_subr_addr; apply: le_trans cell.
have -> : q x = ratio x * p x by rewrite /ratio divfK // lt0r_neq0.
have identity (d f c v r' : R) : c * (v - r' * d) + d * f = d * (f - c * r') + c * v by ring.
by rewrite identity.
Qed.

Theorem divergence_below_envelope : divergence phi p q <= L 1.
Proof.
have above_total : total above by move=> x y; apply: le_total.
pose support := [seq x <- index_enum T | 0 < p x].
have sum_support (f : T -> R) : \sum_(x <- sort above support) f x = \sum_(x | 0 < p x) f x.
  by rewrite (perm_big _ (permEl (perm_sort _ _))) big_filter.
have mass_support (f : T -> R) : law f -> (forall x, (0 < p x) = (0 < f x)) ->
    \sum_(x | 0 < p x) f x = 1.
  move=> [f_ge0 <-] f_support; rewrite big_mkcond; apply: eq_bigr => x _.
  case: ifPn => //; rewrite f_support => f_le0; apply/eqP.
  by rewrite eq_sym eq_le f_ge0 andbT leNgt.
pose r := \sum_x `|s (ratio x)|.
have s_le x : s (ratio x) <= r.
  apply: le_trans (ler_norm _) _; rewrite /r (bigD1 x) //= ler_addl.
  by apply: sumr_ge0.
have := @prefix_bound (sort above support) r.
rewrite sort_uniq filter_uniq ?index_enum_uniq // all_sort filter_all sort_sorted //.
rewrite (introT allP (fun x _ => s_le x)) => /(_ isT isT isT isT).
by rewrite !sum_support (mass_support p) // (mass_support q) // u_1 subrr mulr0 subr_ge0; apply.
Qed.

End Envelope_to_divergence.
