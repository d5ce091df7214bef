"""Explanations of label scores, by Integrated Gradients and other methods: which features of a point raise a label's score, and which lower it.

    integrated_gradients/   the mathematics: paths, the closed form, quadrature, Shapley values, expected gradients, shares of raw features
    words/                  attributions of a vocabulary's terms shared among the words of a text, and the text coloured
    explainer, explanation  raw points and labels -> attributions of raw features, as a matrix or as objects
    reporting/              whole inputs: explanations.jsonl and report.html, or the features that drive each label
    trials/                 whether attributions are true of the model, and whether they withstand an attack

Of the five, each imports only those above it.
"""
