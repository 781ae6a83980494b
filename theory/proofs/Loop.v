(** * The loop of curated retraining, over any finite set of samples

    Assumptions.  [T] is any finite type of samples, [R] any ordered field (the
    rationals, the reals).  A law is a function [p : T -> R] that is nowhere
    negative and sums to one; a weight [w : T -> R] is positive everywhere
    (in the paper [w = e^r], [r] the reward).

    Definitions.  Everything that the theorems speak of is defined here, in the
    words of the paper and nothing cleverer: [kept] is the sum over all K-tuples
    of draws, [mixed] the loop with real data and [pure] the loop without.

    Source.  Ferbach, Bertrand, Bose, Gidel, "Self-Consuming Generative Models
    with Curated Data Provably Optimize Human Preferences", NeurIPS 2024,
    arXiv:2407.09499, equations (1) and (2). *)

From mathcomp Require Import all_ssreflect all_algebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (R : realFieldType) (T : finType).

(** A probability law on [T]. *)
Definition law (p : T -> R) : Prop :=
  (forall x, 0 <= p x) /\ \sum_x p x = 1.

(** [mean p f] is E_p[f], [variance p f] is Var_p[f] = E_p[(f - E_p f)^2], and
    [mass p A] is p(A). *)
Definition mean (p f : T -> R) : R := \sum_x p x * f x.
Definition variance (p f : T -> R) : R := mean p (fun x => (f x - mean p f) ^+ 2).
Definition mass (p : T -> R) (A : pred T) : R := \sum_(x | A x) p x.

(** A weight: positive everywhere. *)
Definition positive (w : T -> R) : Prop := forall x, 0 < w x.

(** [f] is a non-decreasing function of the weight (so of the reward). *)
Definition increasing_in (w f : T -> R) : Prop := forall x y, w x <= w y -> f x <= f y.

(** [A] is an upper set of the weight: what outweighs a member is a member. *)
Definition upper_set (w : T -> R) (A : pred T) : Prop := forall x y, w x <= w y -> A x -> A y.

(** The ratio q/p is a non-decreasing function of the weight; written without a
    division, so that points to which p gives no mass need no convention. *)
Definition ratio_increasing (w p q : T -> R) : Prop :=
  forall x y, w x <= w y -> q x * p y <= q y * p x.

(** The probability of the tuple [d] when its entries are drawn independently from [p]. *)
Definition tuple_law (K : nat) (p : T -> R) (d : {ffun 'I_K -> T}) : R := \prod_i p (d i).

(** Luce's choice: the probability that entry [k] of the tuple [d] is the one kept. *)
Definition chosen (K : nat) (w : T -> R) (d : {ffun 'I_K -> T}) (k : 'I_K) : R :=
  w (d k) / \sum_j w (d j).

(** The law C_K(p) of the kept sample: over all tuples of K draws, the
    probability of the tuple times that of keeping an entry equal to [x]. *)
Definition kept (K : nat) (w p : T -> R) (x : T) : R :=
  \sum_(d : {ffun 'I_K -> T}) tuple_law p d * \sum_(k | d k == x) chosen w d k.

(** One round with real data: a sample of the next law is real with probability
    1/(1+lam) and kept with probability lam/(1+lam). *)
Definition step (K : nat) (lam : R) (w pref p : T -> R) (x : T) : R :=
  (pref x + lam * kept K w p x) / (1 + lam).

(** The law after [t] rounds from [p0], with real data and without. *)
Definition mixed (K : nat) (lam : R) (w pref p0 : T -> R) (t : nat) : T -> R :=
  iter t (step K lam w pref) p0.
Definition pure (K : nat) (w p0 : T -> R) (t : nat) : T -> R := iter t (kept K w) p0.

End Definitions.
