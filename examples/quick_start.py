"""From matrices to a trained, evaluated and explained model: python examples/quick_start.py [FOLDER].

The lines between the two marks are those of README.md. The dataset and the model go to FOLDER, by default a temporary one.
"""

import os
import sys
import tempfile

import recipes  # beside this script: makes the data up

os.chdir(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
(X, Y), (X_test, Y_test) = recipes.make(2000, seed=0), recipes.make(500, seed=1)
feature_names, label_names = recipes.INGREDIENTS, recipes.LABELS

# README begins
import mach_tf

mach_tf.write_dataset(X, Y, "data/mine", valid_fraction=0.1, test=(X_test, Y_test))
model = mach_tf.fit("data/mine", "models/mine", plan="auto", epochs=5)

report = mach_tf.evaluate(model, "data/mine", split="test")
print(report)  # P@k, nDCG@k, PSP@k with intervals; report.metrics["P@1"]

top = model.predict(X_test, k=5)  # CSR [n, labels]: the probabilities of the five best labels
print([label_names[label] for label in top[0].indices])

reasons = model.explain(X_test[:1])  # CSR [1, features]: what each feature adds to the score of the best label
for feature, part in sorted(zip(reasons.indices, reasons.data), key=lambda pair: -abs(pair[1])):
    print(f"{feature_names[feature]:20} {part:+.3f}")
# README ends
