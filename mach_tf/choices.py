"""The named choices of the system, one table for the library, the flags and the documents. No TensorFlow is needed here."""

from __future__ import annotations

# A setting that the size of the data or the memory decides.
AUTO = "auto"

# Which coordinates a perturbation may touch: the features present, or all.
SUPPORTS = ("nonzero", "dense")

# Training. A point has any number of labels, or exactly one.
TASKS = ("multilabel", "multiclass")
ADVERSARIAL_METHODS = ("fgsm", "n_fgsm", "pgd", "ibp")
OPTIMIZERS = ("laprop", "rowwise", "lazy_adam", "adam")
LEARNING_RATE_DECAYS = ("none", "linear", "cosine")
STRATEGIES = ("mirrored", "one_device", "multiworker")

# Preprocessing: refuse a file with a bad line, or leave such lines out.
BAD_LINE_ACTIONS = ("raise", "skip")

# How texts and labels stand in a file: recognised, bags of words of the Extreme Classification Repository, or texts.
BAG_OF_WORDS = "bow"
INPUT_FORMATS = (AUTO, BAG_OF_WORDS, "jsonl", "csv", "tsv", "annif", "fasttext", "lines", "parquet")

# Hashing
LABEL_HASHES = ("murmur3", "universal")
FEATURE_NORMS = ("l2", "none")

# Attacks: how points are perturbed, and what the perturbation is for.
SIGN_METHODS = ("fgsm", "pgd")
VALUE_METHODS = (*SIGN_METHODS, "apgd", "square", "strongest")
WORD_METHODS = ("drop_words", "swap_words", "add_words")
ATTACK_METHODS = (*VALUE_METHODS, *WORD_METHODS)
UNTARGETED_OBJECTIVES = ("loss", "margin", "worst_margin", "precision", "top_label")
TARGETED_OBJECTIVES = ("push_out", "push_in")
ATTACK_OBJECTIVES = (*UNTARGETED_OBJECTIVES, *TARGETED_OBJECTIVES)
# What a user names: a method, or a targeted objective, which PGD pursues.
ATTACKS = (*ATTACK_METHODS, *TARGETED_OBJECTIVES)

# How the minimal epsilon that changes a top label is bounded: not at all, by attacks from above, or also by proofs from below.
MINIMAL_EPSILONS = ("none", "attacked", "certified")

# What the scores of predicted labels are: probabilities, or what the decoder ranks by.
SCORES = ("probability", "logit")

# The metrics that labels are ranked for: P@k by probabilities, PSP@k by probabilities divided by propensities.
OBJECTIVES = ("precision", "psp")

# How predictions of a file are written: as the repository's score matrices, as JSON Lines, or as a table with tabs.
PREDICTION_FORMATS = ("text", "jsonl", "tsv")

# Attributions: Integrated Gradients in closed form or by quadrature, and others; where the nodes of the quadrature lie.
GRADIENT_X_INPUT, SHAPLEY, EXPECTED_GRADIENTS = "gradient_x_input", "shapley", "expected_gradients"
ATTRIBUTION_METHODS = ("exact", "tape", GRADIENT_X_INPUT, SHAPLEY, EXPECTED_GRADIENTS)
QUADRATURE_RULES = ("gauss_legendre", "midpoint")

# Loading a model: compare the files' sizes with what was written, or their hashes too.
VERIFICATIONS = ("sizes", "full")

# How a servable stores weights.
SERVABLE_WEIGHTS = ("float32", "float16", "int8", "vq", "vq1")
