"""Synthetic recipes: a small multi-label data set whose features and labels have names.

A recipe is a list of ingredients with amounts in cups. Its labels are its cuisine, its kind of dish, and the two together:
"thai", "soup" and "thai soup". Common cuisines and dishes come first, so some labels have hundreds of recipes and others a
handful. The seasonings of a cuisine tell it well, but come in small amounts; its main ingredients come in large amounts, and
other cuisines use them too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

SEASONINGS = {
    "italian": ("basil", "oregano", "rosemary"),
    "mexican": ("jalapeno", "cilantro", "chipotle"),
    "indian": ("turmeric", "garam masala", "cardamom"),
    "french": ("tarragon", "dijon mustard", "thyme"),
    "japanese": ("wasabi", "nori", "shichimi"),
    "thai": ("lemongrass", "galangal", "kaffir lime"),
    "greek": ("dill", "mint", "sumac"),
    "moroccan": ("ras el hanout", "saffron", "harissa"),
    "korean": ("gochugaru", "sesame seeds", "ginger"),
    "ethiopian": ("berbere", "fenugreek", "korarima"),
}
MAIN_INGREDIENTS = {
    "italian": ("tomato", "mozzarella", "eggplant", "white beans"),
    "mexican": ("corn", "black beans", "avocado", "tomato"),
    "indian": ("lentils", "chickpeas", "yogurt", "rice"),
    "french": ("butter", "cream", "potato", "mushroom"),
    "japanese": ("tofu", "rice", "seaweed", "mushroom"),
    "thai": ("coconut milk", "rice noodles", "shrimp", "peanuts"),
    "greek": ("feta", "olives", "eggplant", "yogurt"),
    "moroccan": ("couscous", "chickpeas", "apricots", "lamb"),
    "korean": ("kimchi", "tofu", "beef", "rice noodles"),
    "ethiopian": ("teff flour", "lentils", "cabbage", "beef"),
}
DISHES = {
    "soup": ("broth", "carrot", "celery"),
    "salad": ("lettuce", "vinegar", "radish"),
    "dessert": ("sugar", "egg", "honey"),
    "stew": ("stock", "parsnip", "pearl onion"),
    "bread": ("flour", "yeast", "milk"),
    "grill": ("chicken", "zucchini", "bell pepper"),
}

CUP, PINCH = 1.0, 0.05
INGREDIENTS = sorted(
    {name for kind in (SEASONINGS, MAIN_INGREDIENTS, DISHES) for some in kind.values() for name in some}
)
LABELS = [*SEASONINGS, *DISHES, *(f"{cuisine} {dish}" for cuisine in SEASONINGS for dish in DISHES)]


class Recipes(NamedTuple):
    """Recipes as matrices.

    Attributes:
      X: float64 CSR [n, ingredients], the amount of each ingredient in cups.
      Y: float64 CSR [n, labels], 1 for each label of a recipe.
    """

    X: scipy.sparse.csr_matrix
    Y: scipy.sparse.csr_matrix


def make(n: int, seed: int = 0) -> Recipes:
    """Returns n random recipes; the same seed gives the same recipes."""
    rng = np.random.default_rng(seed)
    everything = sorted({name for names in MAIN_INGREDIENTS.values() for name in names})
    amounts, labels = [], []
    for _ in range(n):
        cuisine, dish = _popular(rng, list(SEASONINGS)), _popular(rng, list(DISHES))
        pinches = [name for name in SEASONINGS[cuisine] if rng.random() < 0.8]
        cups = [name for name in MAIN_INGREDIENTS[cuisine] if rng.random() < 0.6]
        cups += [name for name in DISHES[dish] if rng.random() < 0.6] + list(rng.choice(everything, 2))
        amounts.append({**dict.fromkeys(pinches, PINCH), **dict.fromkeys(cups, CUP)})
        labels.append(dict.fromkeys([cuisine, dish, f"{cuisine} {dish}"], 1.0))
    X = matrix(amounts, INGREDIENTS)
    X.data *= rng.uniform(0.5, 1.5, X.nnz)
    return Recipes(X, matrix(labels, LABELS))


def matrix(rows: list[dict[str, float]], names: list[str]) -> scipy.sparse.csr_matrix:
    """Returns rows of values by name as a CSR matrix, one column per name."""
    columns = {name: column for column, name in enumerate(names)}
    splits = np.cumsum([0, *(len(row) for row in rows)])
    ids = [columns[name] for row in rows for name in row]
    values = [value for row in rows for value in row.values()]
    found = scipy.sparse.csr_matrix((np.array(values, float), ids, splits), shape=(len(rows), len(names)))
    found.sort_indices()
    return found


def _popular(rng: np.random.Generator, names: list[str]) -> str:
    """Draws a name; each is drawn less often than the one before."""
    weights = 1 / np.arange(1, len(names) + 1)
    return names[rng.choice(len(names), p=weights / weights.sum())]
