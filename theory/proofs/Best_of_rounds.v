(** * The relative entropy of the pure loop: no more than the best of K^t draws

    Assumptions.  [p0] is any law on a finite type, [w] a positive weight, [K >= 1].

    Claim.  In nats and for all [t], [KL(p_t || p_0) <= t ln K - 1 + K^(-t)]
    ([best_of_rounds_kl]).  No round adds or loses an atom ([pure_support]).

    Kind.  Upper bound.  That no smaller constant would do is not proved here.

    Source.  This project; for one round, the known bound for best-of-n.  From
    [P_t(A) <= 1 - (1 - P_0(A))^N], [N = K^t], for the complement: [P_0(A)^N <= P_t(A)], the
    envelope [u(m) = m^N] with [p_0] and [p_t] in each other's place. *)

From Coq Require Import Reals.
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import Rstruct.
From CuratedLoop Require Import Loop Draws Density Envelope Divergence Entropy_cells.
From CuratedLoop Require Import Reverse_constant.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Best_of_rounds.

Variables (T : finType) (K : nat) (w p0 : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (w_gt0 : positive w) (p0_law : law p0).

Lemma inverse_total_gt0 (p : T -> R) n (s : R) : law p -> 0 < s -> 0 < inverse_total w p n s.
Proof.
move=> p_law; rewrite /inverse_total; elim: n s => [|n IH] s s_gt0 /=; first by rewrite invr_gt0.
by apply: mean_gt0 => // z; apply: IH; rewrite addr_gt0.
Qed.

Lemma density_gt0 (p : T -> R) n x : law p -> 0 < density w p n x.
Proof. by move=> p_law; rewrite !mulr_gt0 ?ltr0n ?inverse_total_gt0. Qed.

(** No round loses an atom. *)
Theorem pure_support t x : (0 < pure K w p0 t x) = (0 < p0 x).
Proof.
elim: t => //= t <-; rewrite -(prednK K_gt0) kept_density prednK //.
by rewrite pmulr_lgt0 // density_gt0 //; exact: pure_law.
Qed.

Let log_draws t : ln (K ^ t)%:R - 1 + (K ^ t)%:R^-1 = t%:R * ln K%:R - 1 + K%:R ^- t.
Proof.
have K_pos : Rlt 0 K%:R by apply/RltP; rewrite ltr0n.
by rewrite natrX -RpowE ln_pow // INRE RpowE.
Qed.

Theorem best_of_rounds_kl t :
  relative_entropy (pure K w p0 t) p0 <= t%:R * ln K%:R - 1 + K%:R ^- t.
Proof.
rewrite -log_draws.
have p_law := pure_law K_gt0 w_gt0 t p0_law.
have same_support x : (0 < p0 x) = (0 < pure K w p0 t x) by rewrite pure_support.
rewrite (relative_entropy_swap p_law same_support).
have [n N_n] : exists n, (K ^ t)%N = n.+1.
  by exists (K ^ t).-1; rewrite prednK // expn_gt0 K_gt0.
rewrite N_n -INRE -RinvE ?INRE ?pnatr_eq0 //.
have -> : ln n.+1%:R - 1 + Rinv n.+1%:R = power_log n 1 by rewrite power_log_1 INRE.
apply: (divergence_below_envelope p0_law p_law same_support _ _ _
  (xlnx_cell_bound (power_log_cell n))) => [|||c d|A].
- by rewrite RpowE expr0n.
- by rewrite RpowE expr1n.
- exact: power_log_0.
- exact: xlnx_slope_increasing.
have := best_of_rounds K_gt0 w_gt0 (predC A) t p0_law.
rewrite /best_of N_n !massC // RpowE.
by rewrite subKr ler_add2l ler_opp2.
Qed.

End Best_of_rounds.
