"""What scikit-learn wants of an estimator, without importing it: that alone takes over a second."""

import inspect
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Estimator")


class Estimator:
    """A class whose options are the parameters of its constructor, each kept under its own name.

    It works in scikit-learn's `clone`, `Pipeline` and `GridSearchCV`. A fitted attribute ends in an underscore.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name; deep adds those of options that are estimators, as NAME__OPTION."""
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        params = {name: getattr(self, name) for name in names}
        for name, value in list(params.items()) if deep else ():
            if hasattr(value, "get_params") and not isinstance(value, type):
                params |= {f"{name}__{inner}": option for inner, option in value.get_params().items()}
        return params

    def set_params(self: Self, **params: Any) -> Self:
        """Set options by name, NAME__OPTION for one of an option that is an estimator, and return self."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"options of {type(self).__name__} must be among {', '.join(self.get_params(deep=False))}. "
                    f"Got {name!r}; choose one of them."
                )
            outer, _, inner = name.partition("__")
            if inner:
                getattr(self, outer).set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

    def unfitted(self: Self) -> Self:
        """Return a new estimator with the same options."""
        params = self.get_params(deep=False)
        copies = {name: value.unfitted() for name, value in params.items() if isinstance(value, Estimator)}
        return type(self)(**params | copies)

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        params = self.get_params(deep=False).items()
        changed = [f"{name}={value!r}" for name, value in params if repr(value) != repr(defaults[name].default)]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        transformer = TransformerTags() if hasattr(self, "transform") else None
        return Tags(None, TargetTags(required=False), transformer_tags=transformer, input_tags=InputTags())


def check_is_fitted(estimator: Any, attribute: str) -> None:
    """Raise scikit-learn's NotFittedError, a ValueError, unless the estimator has an attribute that `fit` sets."""
    if not hasattr(estimator, attribute):
        from sklearn.exceptions import NotFittedError

        name = type(estimator).__name__
        raise NotFittedError(f"{name} must be fitted first. Got one that is not fitted yet; call fit before.")
