"""The flags of how attributions are computed."""

from __future__ import annotations

from absl import flags

from mach_tf.choices import ATTRIBUTION_METHODS, EXPECTED_GRADIENTS, QUADRATURE_RULES, SHAPLEY
from mach_tf.programs import unused_flags

# The methods that the other flags are for.
_USERS = {"steps": ("tape", SHAPLEY, EXPECTED_GRADIENTS), "rule": ("tape",)}
# They belong to the program that calls these functions, whose --help lists them.
flags.disclaim_key_flags()


def define() -> None:
    """Defines --method, --steps and --rule."""
    flags.DEFINE_enum(
        "method",
        "exact",
        ATTRIBUTION_METHODS,
        "Computes attributions by Integrated Gradients, in closed form (exact) or by quadrature with tf.GradientTape (tape); by "
        "gradient_x_input, which does not add up; by shapley; or by expected_gradients, from training points. Use tape for the "
        "estimators min and median, which have no closed form.",
    )
    flags.DEFINE_integer(
        "steps",
        64,
        "Uses this number of quadrature nodes with --method=tape, of random orders with shapley, and of training points with "
        "expected_gradients. Raise it if the program reports a large completeness gap or for values that vary less; the time grows in "
        "proportion.",
        lower_bound=1,
    )
    flags.DEFINE_enum(
        "rule",
        "gauss_legendre",
        QUADRATURE_RULES,
        "Places the quadrature nodes by this rule with --method=tape. gauss_legendre is more accurate; use midpoint for thousands "
        "of steps.",
    )


def values() -> tuple[str, int, str]:
    """Returns the values of --method, --steps and --rule; raises InputError for one that --method does not use."""
    unused_flags.check("method", [flags.FLAGS.method], _USERS)
    return flags.FLAGS.method, flags.FLAGS.steps, flags.FLAGS.rule
