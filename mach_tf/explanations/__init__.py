"""Explanations of label scores by Integrated Gradients: which features of a point raise a label's score, and which lower it.

    integrated_gradients/   the mathematics: paths, the closed form, quadrature, shares of raw features
    explainer, explanation  raw points and labels -> attributions of raw features, as a matrix or as objects
    reporting/              whole inputs: explanations.jsonl and report.html, or the features that drive each label
    trials/                 whether attributions are true of the model, and whether they withstand an attack

Of the four, each imports only those above it.
"""
