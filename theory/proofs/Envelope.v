(** * The envelope: how much mass any set can reach

    Assumptions.  [pref] is a law on a finite type, [w] a positive weight,
    [K >= 1], [lam >= 0], [p_0 = p_ref]; [A] is any set.

    Claim.  A kept sample lies in [A] only if some draw does, so
    [C_K(p)(A) <= 1 - (1 - p(A))^K] ([kept_envelope]).  Hence
    - [P_t(A) <= f_t(P_ref(A))], with [f_0(u) = u] and
      [f_{t+1}(u) = (u + lam (1 - (1 - f_t(u))^K)) / (1+lam)] ([mixed_envelope]);
    - if [lam (K-1) <= 1], [u(P_t(A)) <= P_ref(A)] with
      [u(m) = (1+lam) m - lam (1 - (1-m)^K)] ([inverse_envelope]);
    - without real data, [P_t(A) <= 1 - (1 - P_0(A))^(K^t)], the mass that the best
      of [K^t] draws would give ([best_of_rounds]).

    Kind.  Upper bounds; for one round no smaller factor will do (Optimality.v).

    Source.  This project. *)

From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From CuratedLoop Require Import Loop Draws.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Envelope_function.

Variables (R : realFieldType) (K : nat) (lam : R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam).
Implicit Types (u m : R).

(** The probability that one of K draws falls in a set of mass u. *)
Definition best_of u : R := 1 - (1 - u) ^+ K.

Definition envelope u t : R := iter t (fun m => (u + lam * best_of m) / (1 + lam)) u.

Definition envelope_inverse m : R := (1 + lam) * m - lam * best_of m.

Lemma best_of_increasing u m : m <= 1 -> u <= m -> best_of u <= best_of m.
Proof.
move=> m1 um; rewrite ler_sub // ler_expn2r ?nnegrE ?subr_ge0 //; last by rewrite ler_sub.
exact: le_trans m1.
Qed.

Lemma best_of_bounds u : 0 <= u <= 1 -> 0 <= best_of u <= 1.
Proof.
move=> /andP[u0 u1]; rewrite subr_ge0 ler_subl_addr ler_addl exprn_ge0 ?subr_ge0 // andbT.
by rewrite exprn_ile1 ?subr_ge0 // ler_subl_addr ler_addl.
Qed.

Lemma envelope_bounds u t : 0 <= u <= 1 -> 0 <= envelope u t <= 1.
Proof.
have lam1 : 0 < 1 + lam by apply: lam1_gt0.
move=> u01; elim: t => //= t /best_of_bounds/andP[b0 b1]; have /andP[u0 u1] := u01.
rewrite divr_ge0 ?addr_ge0 ?mulr_ge0 ?ler01 //= ler_pdivr_mulr // mul1r ler_add //.
by rewrite -[leRHS]mulr1 ler_wpmul2l.
Qed.

(** u is non-decreasing on [[0,1]] as long as lam (K-1) <= 1, the threshold included. *)
Lemma envelope_inverse_increasing u m : lam * (K%:R - 1) <= 1 -> 0 <= u -> u <= m -> m <= 1 ->
  envelope_inverse u <= envelope_inverse m.
Proof.
move=> stable u0 um m1; rewrite -subr_ge0 /envelope_inverse /best_of.
have -> : (1 + lam) * m - lam * (1 - (1 - m) ^+ K) - ((1 + lam) * u - lam * (1 - (1 - u) ^+ K)) =
    (m - u) * (1 + lam) - lam * ((1 - u) ^+ K - (1 - m) ^+ K) by ring.
rewrite subrXX; have -> : 1 - u - (1 - m) = m - u by ring.
rewrite mulrCA -mulrBr mulr_ge0 ?subr_ge0 //.
apply: (@le_trans _ _ (lam * K%:R)); last first.
  by rewrite -subr_ge0 (_ : _ - _ = 1 - lam * (K%:R - 1)) ?subr_ge0 //; ring.
rewrite ler_wpmul2l //.
apply: (@le_trans _ _ (\sum_(i < K) (1 : R))); last by rewrite sumr_const card_ord.
have [v0 v1] : 0 <= 1 - m /\ 1 - m <= 1 by rewrite subr_ge0 ler_subl_addr ler_addl (le_trans u0).
have [y0 y1] : 0 <= 1 - u /\ 1 - u <= 1 by rewrite subr_ge0 ler_subl_addr ler_addl (le_trans um).
by apply: ler_sum => i _; rewrite mulr_ile1 ?exprn_ge0 ?exprn_ile1.
Qed.

End Envelope_function.

Section Envelope.

Variables (R : realFieldType) (T : finType) (K : nat) (lam : R) (w pref : T -> R).
Hypotheses (K_gt0 : (0 < K)%N) (lam_ge0 : 0 <= lam) (w_gt0 : positive w) (pref_law : law pref).
Implicit Types (p : T -> R) (A : pred T).

Let mass01 p A : law p -> 0 <= mass p A <= 1.
Proof. by move=> lp; rewrite mass_ge0 ?mass_le1. Qed.

(** One round. *)
Theorem kept_envelope p A : law p -> mass (kept K w p) A <= best_of K (mass p A).
Proof.
move=> lp; rewrite mass_mean mean_kept.
have -> : best_of K (mass p A) = \sum_(d : {ffun 'I_K -> T})
    tuple_law p d * (1 - \prod_i (~~ A (d i))%:R).
  under eq_bigr do rewrite mulrBr mulr1.
  rewrite sumrB expect1 // (expect_prod p (fun _ x => (~~ A x)%:R)).
  rewrite /best_of -massC // mass_mean.
  by rewrite prodr_const card_ord.
apply: ler_sum => d _; apply: ler_wpmul2l; first exact: tuple_law_ge0.
have [/existsP[i Ai]|none] := boolP [exists i, A (d i)].
  rewrite [X in 1 - X](bigD1 i) //= Ai mul0r subr0 -[leRHS](sum_chosen w_gt0 d K_gt0).
  apply: ler_sum => k _; rewrite -[leRHS]mulr1 ler_wpmul2l ?chosen_ge0 //.
  by case: (A (d k)); rewrite ?ler01 ?lexx.
move: none; rewrite negb_exists => /forallP none.
rewrite [X in 1 - X]big1 => [|i _]; last by rewrite none.
by rewrite subrr big1 // => k _; rewrite (negbTE (none k)) mulr0.
Qed.

(** The mixed loop: every lam, every K, every t. *)
Theorem mixed_envelope A t :
  mass (mixed K lam w pref pref t) A <= envelope K lam (mass pref A) t.
Proof.
elim: t => //= t IH; rewrite mass_step ler_wpmul2r ?invr_ge0 ?(ltW (lam1_gt0 _)) //.
rewrite ler_add2l ler_wpmul2l //; apply: le_trans (kept_envelope _ _) _; first exact: mixed_law.
apply: best_of_increasing => //.
by have /andP[] := @envelope_bounds _ K lam lam_ge0 (mass pref A) t (mass01 A pref_law).
Qed.

(** Its limit, solved for the reference mass. *)
Theorem inverse_envelope A t : lam * (K%:R - 1) <= 1 ->
  envelope_inverse K lam (mass (mixed K lam w pref pref t) A) <= mass pref A.
Proof.
move=> stable.
have p_law s : law (mixed K lam w pref pref s) by apply: mixed_law.
elim: t => [|t IH].
  have /andP[m0 m1] := mass01 A pref_law; rewrite /envelope_inverse /mixed /= mulrDl mul1r.
  rewrite -addrA ger_addl subr_le0 ler_wpmul2l //.
  rewrite /best_of ler_subr_addl -ler_subr_addr -[leRHS]expr1 ler_wiexpn2l ?subr_ge0 //.
  by rewrite ler_subl_addr ler_addl.
set m' := mass (mixed _ _ _ _ _ t.+1) A; set m := mass (mixed _ _ _ _ _ t) A in IH.
have /andP[m'0 m'1] : 0 <= m' <= 1 by apply: mass01.
have /andP[m0 m1] : 0 <= m <= 1 by apply: mass01.
have [m'm|/ltW mm'] := leP m' m.
  exact: le_trans (envelope_inverse_increasing lam_ge0 stable m'0 m'm m1) IH.
have -> : envelope_inverse K lam m' = mass pref A +
    lam * (mass (kept K w (mixed K lam w pref pref t)) A - best_of K m').
  rewrite /envelope_inverse {1}/m' mixedS mass_step mulrC divfK ?gt_eqF ?lam1_gt0 //.
  by ring.
rewrite ger_addl mulr_ge0_le0 // subr_le0.
exact: le_trans (kept_envelope _ (p_law t)) (best_of_increasing K m'1 mm').
Qed.

(** Pure rounds never go beyond the best of K^t draws. *)
Theorem best_of_rounds p0 A t : law p0 ->
  mass (pure K w p0 t) A <= best_of (K ^ t) (mass p0 A).
Proof.
move=> lp; elim: t => [|t IH]; first by rewrite /best_of expn0 expr1 opprB addrC subrK.
rewrite pureS; apply: le_trans (kept_envelope _ (pure_law K_gt0 w_gt0 t lp)) _.
have /andP[m0 m1] := mass01 A lp.
have -> : best_of (K ^ t.+1) (mass p0 A) = best_of K (best_of (K ^ t) (mass p0 A)).
  by rewrite /best_of subKr expnSr exprM.
apply: best_of_increasing => //.
by rewrite ler_subl_addr ler_addl exprn_ge0 ?subr_ge0.
Qed.

End Envelope.
