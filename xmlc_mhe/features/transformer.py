"""A transformer of Hugging Face as encoder: any name or local folder, with its tokens made once."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_option, check_whole
from ..errors import data_error_of, in_short
from ..progress import track
from ..state import MOST_LENGTH
from .shapes import unsaved_numbers
from .tokens import Tokens

POOLINGS = ("mean", "cls")
PIECE_DOCS = 2048  # documents that are tokenised at a time
# What a configuration says of where code is or how to compute, and not of the network
NO_NETWORK = {"transformers_version", "auto_map", "trust_remote_code", "quantization_config", "_name_or_path"}
NO_NETWORK |= {"chunk_size_feed_forward", "return_dict", "torchscript", "gradient_checkpointing"}
COUNTS = ("layer", "layers", "blocks", "block_sizes", "groups", "stages", "experts", "num_labels")  # end such names
MOST_LAYERS = 1000
MOST_UNSAVED = 1 << 28  # positions and masks, which are not among the weights
MOST_TRIED = 512  # tokens of the document that a loaded encoder is tried on
CHARACTERS_PER_TOKEN = 24  # the rest of a long text is not looked at; words and the spaces between are shorter
OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")  # count from the padding id on


class TransformerEncoder(nn.Module):
    """Texts to the features of a transformer's last layers, (B, num_layers * hidden size).

    Args:
        config: the transformer's configuration, as its config.json.
        tokenizer: the text of its tokenizer.json.
        pad_id: the id of its padding token.
        pooling: what a layer becomes: "mean" is the mean of its tokens, "cls" is its classification token.
        num_layers: how many of the last layers are concatenated; Liang et al. take "cls" of 5.
        max_length: the most tokens of a document that are read, special tokens included.
        dropout: the share of the features that training sets to zero.
    Raises: ValueError: an option is out of range, more tokens than the transformer has positions, or a tokenizer with
        more words than it has embeddings; ImportError: no transformers.
    """

    def __init__(
        self,
        *,
        config: dict[str, Any],
        tokenizer: str,
        pad_id: int,
        pooling: str = "mean",
        num_layers: int = 1,
        max_length: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        from tokenizers import Tokenizer
        from transformers import AutoConfig, AutoModel

        check_option("pooling", pooling, POOLINGS)
        check_whole("max_length", max_length, least=3)  # a token between the two special ones
        check_whole("num_layers", num_layers)
        if isinstance(dropout, bool) or not (isinstance(dropout, int | float) and 0 <= dropout < 1):
            raise ValueError(f"dropout must be a number from 0 to below 1. Got {dropout!r}; choose another.")
        self._options = {"config": config, "tokenizer": tokenizer, "pad_id": pad_id, "pooling": pooling}
        self._options |= {"num_layers": num_layers, "max_length": max_length, "dropout": dropout}
        self.pooling, self.num_layers, self.max_length, self.pad_id = pooling, num_layers, max_length, pad_id
        with _read_by_tokenizers():
            self.tokenizer = Tokenizer.from_str(tokenizer)
            self.tokenizer.no_padding()
            self.tokenizer.enable_truncation(max_length)
        rest = {name: value for name, value in _network_of(config).items() if name != "model_type"}
        with _quiet():
            transformer_config = AutoConfig.for_model(config["model_type"], **rest)
        self._check(transformer_config)
        with _quiet():
            self.transformer = AutoModel.from_config(transformer_config)
        if getattr(self.transformer, "pooler", None) is not None:
            self.transformer.pooler = None  # it has no part in the features
        self.cls_is_last = config["model_type"] == "xlnet"
        self.dropout = nn.Dropout(dropout)
        self.dim = num_layers * transformer_config.hidden_size

    @classmethod
    def from_pretrained(cls, name: str, **options: Any) -> "TransformerEncoder":
        """Return the encoder of a name on the hub or of a local folder, read from safetensors alone.

        Raises: ValueError: there is no such model, or it lacks what an encoder needs.
        """
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        try:
            with _quiet():
                config = AutoConfig.from_pretrained(name)
                tokenizer = AutoTokenizer.from_pretrained(name)
                weights = AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ValueError(
                f'encoder must be the name or the folder of a transformer with safetensors. Got "{name}": '
                f"{in_short(error)} Check the name, or give a folder with config.json, tokenizer.json and "
                "model.safetensors."
            ) from None
        if not getattr(tokenizer, "is_fast", False) or tokenizer.pad_token_id is None:
            raise ValueError(
                f'encoder must have a fast tokenizer with a padding token. Got "{name}", whose tokenizer is slow or '
                "has no padding token; choose another."
            )
        encoder = cls(
            config=config.to_dict(),
            tokenizer=tokenizer.backend_tokenizer.to_str(),
            pad_id=tokenizer.pad_token_id,
            **options,
        )
        state = {name: tensor for name, tensor in weights.state_dict().items() if not name.startswith("pooler.")}
        encoder.transformer.load_state_dict(state)
        return encoder

    def options(self) -> dict[str, Any]:
        """Return what the same encoder, without its weights, is made of: JSON values."""
        return dict(self._options)

    def prepare(self, texts: Sequence[str]) -> Tokens:
        """Return the token ids of the texts."""
        most = self.max_length * CHARACTERS_PER_TOKEN

        def pieces() -> Iterator[list[list[int]]]:
            starts = range(0, len(texts), PIECE_DOCS)
            for start in track(starts, total=len(starts), title="tokens"):
                cut = [text[:most] for text in texts[start : start + PIECE_DOCS]]
                with _read_by_tokenizers():
                    encodings = self.tokenizer.encode_batch(cut)
                yield [encoding.ids for encoding in encodings]

        return Tokens(pieces(), num_docs=len(texts))

    def forward(self, documents: list[np.ndarray]) -> Tensor:
        """Return the features (B, dim) of documents' token ids."""
        lengths = np.array([max(1, len(ids)) for ids in documents])
        padded = np.full((len(documents), lengths.max()), self.pad_id, np.int64)
        for row, ids in zip(padded, documents, strict=True):
            row[: len(ids)] = ids
        device = next(self.transformer.parameters()).device
        input_ids = torch.from_numpy(padded).to(device)  # (B, T)
        mask = torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None]).to(device)  # (B, T)
        output = self.transformer(input_ids=input_ids, attention_mask=mask.long(), output_hidden_states=True)
        layers = output.hidden_states[-self.num_layers :]
        return self.dropout(torch.cat([self._pool(layer, mask) for layer in layers], dim=1))  # (B, dim)

    def _pool(self, layer: Tensor, mask: Tensor) -> Tensor:
        """Return a vector a document, (B, D), of a layer (B, T, D)."""
        if self.pooling == "mean":
            return (layer * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        if self.cls_is_last:
            return layer[torch.arange(len(layer), device=layer.device), mask.sum(dim=1) - 1]
        return layer[:, 0]

    @staticmethod
    def check_numbers(options: dict[str, Any]) -> None:
        """Raise ValueError where options from a file would have more layers built than any transformer has."""
        for name, value in _numbers_in(options):
            most = MOST_LAYERS if name.endswith(COUNTS) else MOST_LENGTH
            if not -most <= value <= most:
                raise ValueError(f"{in_short(name)} must be up to {most}. Got {in_short(value)}; fit again.")

    def check_unsaved(self) -> None:
        """Raise ValueError where the options ask for much memory that no saved weights are for."""
        if (num_unsaved := unsaved_numbers(self.transformer)) > MOST_UNSAVED:
            raise ValueError(f"config must have up to {MOST_UNSAVED} numbers beside the weights. Got {num_unsaved}.")

    @torch.inference_mode()
    def check_runs(self) -> None:
        """Raise ValueError unless every word has an embedding, and short and long documents have features."""
        num_words = self.transformer.config.vocab_size
        with _read_by_tokenizers():
            tried = self.tokenizer.encode("\U0010ffff").ids  # what no vocabulary has, and the special tokens
            highest = max([*self.tokenizer.get_vocab().values(), *tried], default=0)
        if highest >= num_words:
            raise ValueError(f"a word's id must be below {num_words}, the words of the transformer. Got {highest}.")
        documents = [np.zeros(length, np.int32) for length in (1, min(self.max_length, MOST_TRIED))]
        if (shape := tuple(self(documents).shape)) != (2, self.dim):
            raise ValueError(f"features must be of shape (2, {self.dim}). Got {shape}.")

    def _check(self, config: Any) -> None:
        positions = getattr(config, "max_position_embeddings", None) or 0
        if config.model_type in OFFSET_POSITIONS:
            positions -= self.pad_id + 1
        if 0 < positions < self.max_length:
            raise ValueError(
                f"max_length must be up to {positions}, the positions of the transformer. Got {self.max_length}; "
                "lower it."
            )
        if self.num_layers > config.num_hidden_layers:
            raise ValueError(
                f"num_layers must be up to {config.num_hidden_layers}, the layers of the transformer. Got "
                f"{self.num_layers}; lower it."
            )
        check_whole("pad_id", self.pad_id, least=0, most=config.vocab_size - 1)
        if (num_words := self.tokenizer.get_vocab_size()) > config.vocab_size:
            raise ValueError(
                f"the tokenizer must be that of the transformer, which has {config.vocab_size} words. Got one with "
                f"{num_words}; put the files of one model into the folder."
            )


def _network_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without what names code or a way of computing, here and in its parts."""
    return {
        name: _network_of(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if not (name in NO_NETWORK or "implementation" in str(name))
    }


def _numbers_in(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all whole numbers in JSON values, each with the name that stands before it or before its list."""
    if isinstance(values, int):
        yield name, values
    elif isinstance(values, list | dict):
        inner = values.items() if isinstance(values, dict) else ((name, value) for value in values)
        for inner_name, value in inner:
            yield from _numbers_in(value, inner_name)


@contextlib.contextmanager
def _read_by_tokenizers() -> Iterator[None]:
    """Raise DataError for whatever the tokenizers' library raises; a panic of it is no Exception."""
    with data_error_of("tokenizer must be a tokenizer.json that reads texts", "take that of the transformer"):
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise RuntimeError(in_short(error)) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and logging, and leave its settings as they were."""
    from transformers.utils import logging

    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()
