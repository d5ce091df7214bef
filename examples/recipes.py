"""Synthetic recipes: a small multi-label data set whose features and labels have names.

A recipe is a set of ingredients. Its labels are its cuisine, its kind of dish, and the two together: "thai", "soup" and
"thai soup". Common cuisines and dishes come first, so some labels have hundreds of recipes and others a handful.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse

CUISINES = {
    "italian": ("basil", "mozzarella", "tomato", "parmesan", "oregano", "pine nuts"),
    "mexican": ("corn tortilla", "black beans", "jalapeno", "avocado", "cilantro", "lime"),
    "indian": ("turmeric", "garam masala", "ghee", "cumin", "cardamom", "ginger"),
    "french": ("butter", "tarragon", "shallot", "white wine", "dijon mustard", "creme fraiche"),
    "japanese": ("soy sauce", "miso", "nori", "rice vinegar", "wasabi", "sesame seeds"),
    "thai": ("coconut milk", "lemongrass", "fish sauce", "thai basil", "lime", "bird chili"),
    "greek": ("feta", "olives", "oregano", "lemon", "dill", "cucumber"),
    "moroccan": ("preserved lemon", "couscous", "cinnamon", "dried apricot", "harissa", "cumin"),
    "korean": ("kimchi", "gochujang", "sesame oil", "soy sauce", "rice", "scallion"),
    "ethiopian": ("berbere", "teff flour", "red lentils", "niter kibbeh", "cardamom", "fenugreek"),
}
DISHES = {
    "soup": ("broth", "carrot", "celery", "leek", "bay leaf"),
    "salad": ("lettuce", "vinegar", "olive oil", "radish", "walnut"),
    "dessert": ("sugar", "egg", "vanilla", "cream", "honey"),
    "stew": ("beef", "potato", "broth", "tomato paste", "bay leaf"),
    "bread": ("flour", "yeast", "milk", "egg", "poppy seeds"),
    "grill": ("chicken", "lamb", "paprika", "smoked salt", "bell pepper"),
    "dip": ("chickpeas", "yogurt", "tahini", "paprika", "olive oil"),
    "drink": ("ice", "mint", "soda water", "honey", "orange juice"),
}
STAPLES = ("salt", "water", "onion", "garlic", "black pepper", "vegetable oil")

INGREDIENTS = sorted({*STAPLES, *(name for part in (CUISINES, DISHES) for names in part.values() for name in names)})
LABELS = [*CUISINES, *DISHES, *(f"{cuisine} {dish}" for cuisine in CUISINES for dish in DISHES)]


class Recipes(NamedTuple):
    """Recipes as matrices.

    Attributes:
      X: float64 CSR [n, ingredients], 1 for each ingredient of a recipe.
      Y: float64 CSR [n, labels], 1 for each label of a recipe.
    """

    X: scipy.sparse.csr_matrix
    Y: scipy.sparse.csr_matrix


def make(n: int, seed: int = 0) -> Recipes:
    """Returns n random recipes; the same seed gives the same recipes."""
    rng = np.random.default_rng(seed)
    feature_ids = {name: number for number, name in enumerate(INGREDIENTS)}
    label_ids = {name: number for number, name in enumerate(LABELS)}
    X, Y = scipy.sparse.lil_matrix((n, len(INGREDIENTS))), scipy.sparse.lil_matrix((n, len(LABELS)))
    for row in range(n):
        cuisine, dish = _popular(rng, list(CUISINES)), _popular(rng, list(DISHES))
        typical = [name for name in (*CUISINES[cuisine], *DISHES[dish]) if rng.random() < 0.5]
        others = [name for name in STAPLES if rng.random() < 0.3] + list(rng.choice(INGREDIENTS, 2))
        X[row, [feature_ids[name] for name in {*typical, *others}]] = 1
        Y[row, [label_ids[name] for name in (cuisine, dish, f"{cuisine} {dish}")]] = 1
    return Recipes(X.tocsr(), Y.tocsr())


def ingredients(x: scipy.sparse.csr_matrix) -> list[str]:
    """Returns the names of the ingredients of a recipe, [1, ingredients]."""
    return [INGREDIENTS[feature] for feature in x.indices]


def recipe(*names: str) -> scipy.sparse.csr_matrix:
    """Returns a recipe of your own, [1, ingredients], from the names of its ingredients."""
    x = scipy.sparse.lil_matrix((1, len(INGREDIENTS)))
    x[0, [INGREDIENTS.index(name) for name in names]] = 1
    return x.tocsr()


def _popular(rng: np.random.Generator, names: list[str]) -> str:
    """Draws a name; each is drawn less often than the one before."""
    weights = 1 / np.arange(1, len(names) + 1)
    return names[rng.choice(len(names), p=weights / weights.sum())]
