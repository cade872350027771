"""What the encoder and the estimators share: their arguments, as scikit-learn reads and changes them."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

Owner = TypeVar("Owner", bound="Parameters")


class NotFittedError(ValueError):
    """Something was used before it was fitted."""


@dataclass(eq=False, repr=False)
class Parameters:
    """A dataclass whose fields are parameters. What `fit` learns becomes attributes that are not fields."""

    _type: ClassVar[str | None] = None  # "classifier" or "regressor" for an estimator

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self: Owner, **params: Any) -> Owner:
        """Change the constructor's arguments; what was fitted stays until the next fit."""
        known = list(self.get_params())
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"Invalid parameter {name!r} for {type(self).__name__}. Valid parameters are: {known}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = [(field, repr(getattr(self, field.name))) for field in fields(self)]
        changed = [f"{field.name}={text}" for field, text in shown if text != repr(field.default)]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        target, rows = TargetTags(required=self._type is not None), InputTags(sparse=self._type is not None)
        tags = Tags(estimator_type=self._type, target_tags=target, input_tags=rows)
        tags.classifier_tags = ClassifierTags() if self._type == "classifier" else None
        tags.regressor_tags = RegressorTags() if self._type == "regressor" else None
        return tags
