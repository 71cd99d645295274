"""A page to review the tags of documents on: how sure, why, accepted or not; it saves what was accepted."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ...explaining.explanation import Explanation
from ...outputs import cannot_write, whole_file
from ...progress import track_documents

MOST_DOCS = 2000  # on a page
MOST_WORDS = 8  # of a tag


def write_review(
    model: Any, batches: Iterable[Any], folder: str | os.PathLike[str], *, k: int | None = None, threshold: Any = None
) -> int:
    """Write review.html into a folder, and return how many documents are on it, MOST_DOCS at most.

    Args:
        model: a fitted classifier.
        batches: texts or rows of features, in pieces of any size; read as far as needed.
        folder: made if it is missing.
        k, threshold: the tags of a document, as for `XMLCClassifier.predict`.
    """
    documents = list(islice(chain.from_iterable(map(_one_by_one, batches)), MOST_DOCS))
    content = review_content(model, documents, k=k, threshold=threshold)
    page = files(__package__).joinpath("templates", "review.html").read_text(encoding="utf-8")
    data = json.dumps(content, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")  # ends no script element
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    with whole_file(Path(folder) / "review.html") as written:
        written.write_text(page.replace("{{ data }}", data), encoding="utf-8", errors="backslashreplace")
    return len(documents)


def review_content(model: Any, documents: list[Any], *, k: int | None = None, threshold: Any = None) -> dict[str, Any]:
    """Return what the page shows, as JSON values; "labels" are the names that its tags are numbers of."""
    predicted = list(model.predict_batches(map(_as_batch, documents), k, threshold=threshold))
    tagged = zip(documents, (batch.labels[0] for batch in predicted), strict=True)
    names: dict[str, int] = {}
    explained = (_entry(model, document, labels[labels >= 0].tolist(), names) for document, labels in tagged)
    entries = list(track_documents(explained, total=len(documents), title="explaining", size=lambda entry: 1))
    texts = [entry["text"] for entry in entries]
    digest = hashlib.sha256(json.dumps([texts, list(names)]).encode()).hexdigest()
    return {
        "id": digest[:16],
        "has_texts": all(isinstance(document, str) for document in documents),
        "gives_probs": model.gives_probs,
        "labels": list(names),
        "documents": entries,
    }


def _entry(model: Any, document: Any, labels: list[int], names: dict[str, int]) -> dict[str, Any]:
    found = model.explain(document, [model.label_names_[label] for label in labels])
    return {
        "text": document if isinstance(document, str) else "",
        "tags": [_tag(explanation, names) for explanation in found],
        "neighbours": found[0].as_json()["neighbours"] if found else [],
    }


def _tag(explanation: Explanation, names: dict[str, int]) -> dict[str, Any]:
    words = explanation.as_json()["words"][:MOST_WORDS]
    return {
        "label": names.setdefault(explanation.label, len(names)),
        "probability": explanation.probability,
        "margin": explanation.margin,
        "words": [{name: word[name] for name in ("word", "contribution", "spans")} for word in words],
    }


def _one_by_one(batch: Any) -> Iterator[Any]:
    """Yield the texts of a list, or the rows of a matrix as matrices of one row."""
    yield from batch if isinstance(batch, list) else (batch[[row]] for row in range(batch.shape[0]))


def _as_batch(document: Any) -> Any:
    return [document] if isinstance(document, str) else document
