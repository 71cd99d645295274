"""Which encoders there are, and how an option `encoder` becomes one."""

from typing import Any

from ..estimator import Estimator
from ..features.given import GivenFeatures
from ..features.hybrid import HybridFeatures
from ..features.learned import EncoderFeatures, check_encoder, check_encoder_name
from ..features.options import WEIGHTINGS
from ..features.words import TextFeatures
from .options import ENCODERS, ClassifierOptions

ENCODER_CLASSES = {cls.__name__: cls for cls in (TextFeatures, GivenFeatures, EncoderFeatures, HybridFeatures)}
LEARNED_CLASSES = (EncoderFeatures, HybridFeatures)
WORD_CLASSES = (TextFeatures, HybridFeatures)


def build_encoder(options: ClassifierOptions) -> Any:
    """Return what turns documents into features, not fitted, as the options say."""
    encoder = options.encoder
    if isinstance(encoder, Estimator):
        return encoder.unfitted()
    if not isinstance(encoder, str):
        check_encoder(encoder)
        return EncoderFeatures(encoder)
    if encoder in ENCODERS:
        return TextFeatures(encoder) if encoder in WEIGHTINGS else GivenFeatures()
    words, plus, learned = encoder.partition("+")
    if not plus:
        check_encoder_name(encoder, ENCODERS)
        return EncoderFeatures(encoder, options=options.encoder_options)
    if words not in WEIGHTINGS or not learned or learned in ENCODERS:
        raise ValueError(
            f'encoder must be words and a learned encoder where it has a plus. Got "{encoder}"; write for example '
            '"tfidf+minilm".'
        )
    check_encoder_name(learned, ())
    features = EncoderFeatures(learned, options=options.encoder_options)
    return HybridFeatures(TextFeatures(words), features, scale=options.dense_scale)


def fit_features(encoder: Any, documents: Any, *, threads: int) -> Any:
    """Fit an encoder and return the features of the same documents; words are counted by all threads."""
    return encoder.fit_transform(documents, **({"threads": threads} if isinstance(encoder, WORD_CLASSES) else {}))
