"""The two errors of our own; everything else raises Python's or scikit-learn's."""


class DataError(ValueError):
    """Input data or a model folder is not what it must be; the message names the place and the mend."""


class RecipeError(ValueError):
    """A recipe file has problems; the message lists all of them."""
