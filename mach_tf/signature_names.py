"""The names of the signatures of SavedModels, and of their inputs and outputs."""

SERVING_SIGNATURE = "serving_default"
SPARSE_SIGNATURE = "sparse"
# Of the servable of a whole ensemble, beside the two above.
EXPLAIN_SIGNATURE, TEXT_SIGNATURE, EXPLAIN_TEXT_SIGNATURE = "explain", "text", "explain_text"
ATTACK_SIGNATURE, ATTACK_TEXT_SIGNATURE = "attack", "attack_text"
SPLITS, IDS, VALUES = "row_splits", "feature_ids", "feature_values"
EPSILON, TRUE_LABELS = "epsilon", "true_labels"
# An output of the signatures that take texts.
KNOWN_TERMS = "known_terms"
