(** * Theorem 2.1: the relative entropy to the limit vanishes

    Assumptions.  [p0] is a law on a finite type; the points of [A] weigh [wtop], the others at most
    [w2 < wtop], all more than zero; [p0(A) > 0]; [K >= 2], or K = infinity.

    Claim.  [KL(p_0(.|A) || p_t)] tends to 0 ([top_entropy_vanishes],
    [tilted_top_entropy_vanishes]).

    Kind.  Limit; Top_entropy.v says that it never increases, Theorem_2_1.v how fast it falls.

    Source.  Ferbach et al. 2024, Theorem 2.1. *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws Infinite_candidates Divergence Theorem_2_1.
From CuratedLoop Require Import Top_entropy.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope R_scope.

(** What is at most 1 and approaches it geometrically has a logarithm that vanishes. *)
Lemma log_vanishes (P : nat -> R) (a c : R) : 0 <= c -> c < 1 -> (forall t, P t <= 1) ->
  (forall t, 1 - P t <= a * c ^ t) -> is_lim_seq (fun t => - ln (P t)) 0.
Proof.
move=> c_ge0 c_lt1 P_le1 P_ge.
have power : is_lim_seq (pow c) 0 by apply: is_lim_seq_geom; rewrite Rabs_pos_eq.
have rest : is_lim_seq (fun t => 1 - a * c ^ t) 1.
  have -> : Finite 1 = Finite (1 - a * 0) by congr Finite; lra.
  by apply: is_lim_seq_minus'; [exact: is_lim_seq_const | exact: (is_lim_seq_scal_l _ a 0)].
have P_limit : is_lim_seq P 1.
  apply: (is_lim_seq_le_le _ _ (fun=> 1) _ _ rest (is_lim_seq_const _)) => t.
  by split => //; have := P_ge t; lra.
have ln_limit : is_lim_seq (fun t => ln (P t)) (ln 1).
  apply: is_lim_seq_continuous P_limit; apply: derivable_continuous_pt.
  by exists (/ 1); exact: derivable_pt_lim_ln Rlt_0_1.
have -> : Finite 0 = Rbar_opp (Finite (ln 1)) by rewrite ln_1 /= Ropp_0.
by move/is_lim_seq_opp: ln_limit.
Qed.

Local Open Scope ring_scope.

Section Top_limit.

Variables (T : finType) (K : nat) (w p0 : T -> R) (A : pred T) (wtop w2 : R).
Hypotheses (w_gt0 : positive w) (w2_gt0 : 0 < w2) (w2_lt : w2 < wtop).
Hypotheses (at_top : forall x, A x -> w x = wtop) (below : forall x, ~~ A x -> w x <= w2).
Hypotheses (p0_law : law p0) (P0_gt0 : 0 < mass p0 A).

Let w2_le : w2 <= wtop. Proof. exact: ltW. Qed.

Let vanishes (q : nat -> T -> R) (r : R) : r < 1 -> 0 <= r -> (forall t, law (q t)) ->
  (forall t, 1 - mass (q t) A <= (1 - mass p0 A) * (1 - (1 - r) * mass p0 A) ^+ t) ->
  is_lim_seq (fun t => - ln (mass (q t) A)) (0 : R).
Proof.
move=> r_lt1 r_ge0 q_law rest.
have s_gt0 : 0 < 1 - r by rewrite subr_gt0.
apply: (@log_vanishes _ (1 - mass p0 A) (1 - (1 - r) * mass p0 A)).
- apply/RleP; rewrite subr_ge0 mulr_ile1 ?(ltW s_gt0) ?(ltW P0_gt0) ?mass_le1 //.
  by rewrite ler_subl_addr ler_addl.
- by apply/RltP; rewrite ltr_subl_addr ltr_addl mulr_gt0.
- by move=> t; apply/RleP; exact: mass_le1.
- by move=> t; apply/RleP; rewrite RpowE; exact: rest.
Qed.

Theorem top_entropy_vanishes : (1 < K)%N ->
  is_lim_seq (fun t => relative_entropy (conditioned p0 A) (pure K w p0 t)) (0 : R).
Proof.
move=> K_gt1; have K_gt0 := ltnW K_gt1.
apply: (is_lim_seq_ext (fun t => - ln (mass (pure K w p0 t) A))) => [t|].
  by rewrite (top_entropy K_gt0 w_gt0 w2_gt0 w2_le).
apply: (@vanishes _ (rho K wtop w2)) => [||t|t].
- have K1_gt0 : 0 < K%:R - 1 :> R by rewrite subr_gt0 ltr1n.
  have wtop_gt0 := lt_trans w2_gt0 w2_lt.
  rewrite /rho ltr_pdivr_mulr; last by rewrite addr_gt0 // mulr_gt0.
  rewrite mul1r -subr_gt0 (_ : _ - _ = (K%:R - 1) * (wtop - w2)); last by ring.
  by rewrite mulr_gt0 // subr_gt0.
- exact: rho_ge0.
- exact: pure_law.
- exact: top_takes_all.
Qed.

Theorem tilted_top_entropy_vanishes :
  is_lim_seq (fun t => relative_entropy (conditioned p0 A) (tilted_pure w p0 t)) (0 : R).
Proof.
have wtop_gt0 := lt_trans w2_gt0 w2_lt.
apply: (is_lim_seq_ext (fun t => - ln (mass (tilted_pure w p0 t) A))) => [t|].
  by rewrite (tilted_top_entropy w_gt0 w2_gt0 w2_le).
apply: vanishes (fun t => tilted_top_takes_all w_gt0 w2_gt0 w2_le at_top below t p0_law) => [||t].
- by rewrite ltr_pdivr_mulr // mul1r.
- by rewrite divr_ge0 // ltW.
- exact: tilted_pure_law.
Qed.

End Top_limit.
