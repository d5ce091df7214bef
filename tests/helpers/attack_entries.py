"""Results of attacks without an attack."""

from __future__ import annotations

from mach_tf.attacks.attack_report import AttackEntry, RelativeNorm
from mach_tf.attacks.gradient_attacks import Attack


def attack_entry(
    name, epsilon, metrics, *, support="nonzero", lost=None, loss=0.5, success_rate=0.0, relative_norm=0.0
) -> AttackEntry:
    """An entry of the attack that users call `name`; what is lost is 0 unless given."""
    return AttackEntry(
        attack=Attack.named(name, support=support),
        epsilon=epsilon,
        metrics=metrics,
        lost=dict.fromkeys(metrics, 0.0) if lost is None else lost,
        loss=loss,
        attempts=10,
        success_rate=success_rate,
        relative_norm=RelativeNorm(relative_norm, relative_norm),
    )
