(** * Theorem 2.4 and the reverse bound as relative entropies

    Assumptions.  [pref] is any law on a finite type, [w] a positive weight, [K >= 1], [lam >= 0],
    [p_0 = p_ref].

    Claim.  In nats and for all [t]:
    - [KL(p_t || p_ref) <= - ln (1 - lam (K-1))] if [lam (K-1) < 1] ([kl_bounded]);
    - [KL(p_ref || p_t) <= ln (1 + lam)], whatever [lam] and [K] ([reverse_kl_bounded]).
    No round adds or loses an atom ([mixed_support]), so that no divergence is infinite and read as
    a sum of finite terms.

    Kind.  Upper bounds; sharp ones are in Sharp_constant.v and Reverse_constant.v.

    Source.  Ferbach et al. 2024, Theorem 2.4; the reverse bound, this project. *)

From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Density Theorem_2_4 Reverse_bound Divergence.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma ln_le (x y : R) : 0 < x -> x <= y -> ln x <= ln y.
Proof.
move=> x_gt0; rewrite le_eqVlt => /orP[/eqP -> //|x_lt_y].
by apply/ltW/RltP/ln_increasing; exact/RltP.
Qed.

(** A bounded density bounds the relative entropy. *)
Lemma relative_entropy_le (T : finType) (p q : T -> R) c : law p ->
  (forall x, 0 < p x -> 0 < q x) -> 0 < c -> (forall x, p x <= c * q x) ->
  relative_entropy p q <= ln c.
Proof.
move=> [p_ge0 p_1] q_gt0 c_gt0 p_le.
rewrite -[ln c]mul1r -p_1 mulr_suml; apply: ler_sum => x _.
have := p_ge0 x; rewrite le_eqVlt => /orP[/eqP <-|p_gt0]; first by rewrite !mul0r.
rewrite ler_wpmul2l // ln_le ?divr_gt0 ?q_gt0 // ler_pdivr_mulr ?q_gt0 //.
Qed.

Section Logarithms.

Variables (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).

(** No round adds or loses an atom. *)
Theorem mixed_support t x : (0 < mixed K lam w pref pref t x) = (0 < pref x).
Proof.
have [pref_ge0 _] := pref_law; have lam1_gt0 := lam1_gt0 lam_ge0.
apply/idP/idP => [|pref_gt0]; last first.
  by apply: lt_le_trans (density_bounded_below K_gt0 lam_ge0 w_gt0 pref_law t x); rewrite divr_gt0.
apply: contraLR; rewrite -!leNgt => pref_le0.
have {pref_le0}pref_0 : pref x = 0 by apply/eqP; rewrite eq_le pref_le0 pref_ge0.
elim: t => [|t IH]; first by rewrite /= pref_0.
have p_law := mixed_law K_gt0 lam_ge0 w_gt0 pref_law t pref_law.
have p_0 : mixed K lam w pref pref t x = 0 by apply/eqP; rewrite eq_le IH p_law.1.
by rewrite mixedS /step pref_0 -(prednK K_gt0) kept_density prednK // p_0 mul0r mulr0 addr0 mul0r.
Qed.

Theorem kl_bounded t : lam * (K%:R - 1) < 1 ->
  relative_entropy (mixed K lam w pref pref t) pref <= - ln (1 - lam * (K%:R - 1)).
Proof.
move=> stable; have c_gt0 : 0 < 1 - lam * (K%:R - 1) by rewrite subr_gt0.
rewrite -lnV //; apply: relative_entropy_le => [|x||x].
- exact: mixed_law.
- by rewrite mixed_support.
- by rewrite invr_gt0.
- by rewrite mulrC; exact: density_bounded.
Qed.

Theorem reverse_kl_bounded t :
  relative_entropy pref (mixed K lam w pref pref t) <= ln (1 + lam).
Proof.
apply: relative_entropy_le => [|x||x] //.
- by rewrite mixed_support.
- exact: lam1_gt0.
- by rewrite mulrC -ler_pdivr_mulr ?lam1_gt0 //; exact: density_bounded_below.
Qed.

End Logarithms.
