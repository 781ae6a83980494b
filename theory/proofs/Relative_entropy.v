(** * Relative entropy below an envelope

    Assumptions.  [p] and [q] are laws on a finite type with the same support; [u : R -> R] has
    [u 0 = 0] and [u 1 = 1], and [u (p(A)) <= q(A)] for every set [A].  [L] is an integral of
    [ln u'] in the only sense that is needed ([cell_bound]): over every cell [[a, b]] and for every
    [c > 0], [L b - L a <= (b - a) (ln c - 1) + (u b - u a) / c], the tangent of the logarithm at
    [c] integrated over the cell.

    Claim.  [KL(p || q) <= - L 1] in nats ([entropy_below_envelope]).

    Kind.  Upper bound.

    Source.  This project.  Atoms are taken in the order of falling ratio [p/q].  With [P], [Q] the
    masses of those taken so far and [rho] the ratio of the last,
    [sum p ln (p/q) + L P <= rho (u P - Q)]: the next atom adds at most
    [rho' (Delta u - q)] on the left (the tangent at [c = q/p]), and lowering [rho] to [rho'] only
    raises the right side, since [u P <= Q].  When all are taken, [u 1 - 1 = 0]. *)

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

(* Reals reads arguments of [ln] in its own scope, where the division is another. *)
#[global] Arguments ln _%R.

(** KL(p || q) in nats.  [ln] of the standard library is 0 at 0 and division by 0 gives 0, so that
    atoms without mass under [p] add nothing. *)
Definition relative_entropy (T : finType) (p q : T -> R) : R := \sum_x p x * ln (p x / q x).

Lemma lnV (x : R) : 0 < x -> ln x^-1 = - ln x.
Proof.
move=> x_gt0; have /RltP x_pos := x_gt0.
by rewrite -RinvE ?gt_eqF // ln_Rinv.
Qed.

(** [L] grows over every cell at most as an integral of [ln u'] does. *)
Definition cell_bound (u L : R -> R) : Prop := forall a b c,
  0 <= a -> a < b -> b <= 1 -> 0 < c ->
  L b - L a <= (b - a) * (ln c - 1) + (u b - u a) / c.

Section Envelope_to_entropy.

Variables (T : finType) (p q : T -> R) (u L : R -> R).
Hypotheses (p_law : law p) (q_law : law q) (same_support : forall x, (0 < p x) = (0 < q x)).
Hypotheses (u_0 : u 0 = 0) (u_1 : u 1 = 1) (L_0 : L 0 = 0) (L_bound : cell_bound u L).
Hypothesis envelope : forall A : pred T, u (mass p A) <= mass q A.

Let rho x := p x / q x.
Let below := [rel x y | rho x <= rho y].

Let rho_of_mass (f : T -> R) s : uniq s -> \sum_(x <- s) f x = mass f (mem s).
Proof. by move=> uniq_s; rewrite /mass big_uniq. Qed.

Let p_ge0 x : 0 <= p x. Proof. by have [] := p_law. Qed.

(** The induction over the atoms, the last one taken at the head of the list. *)
Lemma prefix_bound s (r : R) : uniq s -> all [pred x | 0 < q x] s ->
  sorted below s -> all (fun x => r <= rho x) s ->
  \sum_(x <- s) p x * ln (rho x) + L (\sum_(x <- s) p x) <=
  r * (u (\sum_(x <- s) p x) - \sum_(x <- s) q x).
Proof.
elim: s r => [|x s IHs] r; first by rewrite !big_nil u_0 L_0 addr0 subrr mulr0.
move=> uniq_xs /= /andP[q_gt0 q_gt0_s] path_xs /andP[r_le all_r].
have p_gt0 : 0 < p x by rewrite same_support.
have below_trans : transitive below by move=> y z t /=; apply: le_trans.
have uniq_s : uniq s by case/andP: uniq_xs.
have := IHs (rho x) uniq_s q_gt0_s (path_sorted path_xs)
  (order_path_min below_trans path_xs).
have D_le0 : u (\sum_(y <- x :: s) p y) - \sum_(y <- x :: s) q y <= 0.
  by rewrite !rho_of_mass // subr_le0.
move=> IH; apply: le_trans (ler_wnmul2r D_le0 r_le).
rewrite !big_cons; set P := \sum_(j <- s) p j in IH *; set Q := \sum_(j <- s) q j in IH *.
have P_ge0 : 0 <= P by exact: sumr_ge0.
have P_le1 : P + p x <= 1.
  have -> : P + p x = mass p (mem (x :: s)) by rewrite -rho_of_mass // big_cons addrC.
  rewrite -p_law.2 /mass [X in _ <= X](bigID (mem (x :: s))) /= ler_addl.
  by exact: sumr_ge0.
have c_gt0 : 0 < (rho x)^-1 by rewrite invr_gt0 divr_gt0.
have P_lt : P < P + p x by rewrite ltr_addl p_gt0.
have := L_bound P_ge0 P_lt P_le1 c_gt0.
have -> : P + p x - P = p x by rewrite addrC addKr.
rewrite lnV ?divr_gt0 // invrK.
move=> cell; rewrite [p x + P]addrC.
have regroup (A B c e : R) : c + A + B = (A + e) + (B - e + c) by ring.
rewrite (regroup _ _ _ (L P)).
have -> : rho x * (u (P + p x) - (q x + Q)) =
  rho x * (u P - Q) + (rho x * (u (P + p x) - u P) - p x).
  have -> : p x = rho x * q x by rewrite /rho divfK // lt0r_neq0.
  have identity (c v v' d e : R) :
    c * (v' - (d + e)) = c * (v - e) + (c * (v' - v) - c * d) by ring.
  exact: identity.
apply: ler_add => //; rewrite -ler_subr_addr; apply: le_trans cell _.
have identity (d l c v : R) : d * (- l - 1) + v * c = c * v - d - d * l by ring.
by rewrite identity.
Qed.

Theorem entropy_below_envelope : relative_entropy p q <= - L 1.
Proof.
have below_total : total below by move=> x y; apply: le_total.
have rho_ge0 x : 0 <= rho x by apply: divr_ge0 => //; have [] := q_law.
pose support := [seq x <- index_enum T | 0 < q x].
have sum_support (f : T -> R) : (forall x, ~~ (0 < q x) -> f x = 0) ->
    \sum_(x <- sort below support) f x = \sum_x f x.
  move=> f_0; rewrite (perm_big _ (permEl (perm_sort _ _))) big_filter big_mkcond /=.
  by apply: eq_bigr => x _; case: ifPn => // /f_0.
have q_0 x : ~~ (0 < q x) -> q x = 0.
  by move=> q_le0; apply/eqP; rewrite eq_le q_law.1 andbT leNgt.
have p_0 x : ~~ (0 < q x) -> p x = 0.
  by rewrite -same_support => p_le0; apply/eqP; rewrite eq_le p_ge0 andbT leNgt.
have := @prefix_bound (sort below support) 0.
rewrite sort_uniq filter_uniq ?index_enum_uniq // all_sort filter_all sort_sorted //.
rewrite all_sort (introT allP (fun x _ => rho_ge0 x)) => /(_ isT isT isT isT).
rewrite !sum_support // => [|x /p_0 ->]; last by rewrite mul0r.
by rewrite p_law.2 q_law.2 u_1 subrr mulr0 -ler_subr_addr sub0r; apply.
Qed.

End Envelope_to_entropy.
