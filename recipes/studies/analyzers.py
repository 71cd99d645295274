"""Which analyzer is best on what: words, stems, and n-grams of characters, on titles, long texts and other languages.

    python recipes/studies/analyzers.py FOLDER...

The folders of translated package descriptions come from package_descriptions.py.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import Data, claim, panels, run

from xmlc_mhe import Dataset, TextFeatures, XMLCClassifier
from xmlc_mhe.data.reading import load_dataset

MOST_DOCS = 6_000
HELD_OUT = 7  # one document in so many
NOISE = 0.5  # points of P@1 that we count as none, as there are few documents
LANGUAGES = {"packages-de": "german", "packages-fi": "finnish", "packages-ja": None, "packages-zh_CN": None}
UNSPACED = ("packages-ja", "packages-zh_CN")
METRICS = ("P@1", "P@5")
ANALYZERS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word"},
    "auto": {},
    "auto, without accents": {"strip_accents": True},
    "auto, pairs": {"ngram_range": (1, 2)},
    "char_wb 3-5": {"analyzer": "char_wb", "ngram_range": (3, 5)},
    "char_wb 1-3": {"analyzer": "char_wb", "ngram_range": (1, 3)},
    "word+char_wb": {"analyzer": "word+char_wb"},
}
OF_THE_TEXTS = "the language of the texts"
OF_LANGUAGE: dict[str, dict[str, Any]] = {
    "auto, stems": {"stem": OF_THE_TEXTS},
    "auto, stop words": {"stop_words": OF_THE_TEXTS},
}


def measure(args: argparse.Namespace) -> Data:
    """Measure P@k of each analyzer on a held-out part of each data set's training documents."""
    rows = []
    for folder in map(Path, args.data):
        (train,) = load_dataset(folder, parts=("train",))
        fitted, held = split(train, 300 if args.quick else MOST_DOCS)
        language = LANGUAGES.get(folder.name, "english")
        options = ANALYZERS if args.quick or language is None else ANALYZERS | OF_LANGUAGE
        for name, chosen in options.items():
            chosen = {
                option: language if option in ("stem", "stop_words") else value for option, value in chosen.items()
            }
            start = time.perf_counter()
            model = XMLCClassifier(TextFeatures(**chosen), rank=False, threads=1).fit(fitted)
            seconds = time.perf_counter() - start
            row = {"data": folder.name, "documents": fitted.num_docs, "held_out": held.num_docs, "analyzer": name}
            row |= {metric: round(100 * model.score(held, metric=metric), 2) for metric in METRICS}
            rows.append(row | {"terms": model.encoder_.num_features, "fit_seconds": round(seconds, 2)})
            print(row, flush=True)
    return {"setting": {"most_docs": MOST_DOCS, "held_out": HELD_OUT}, "rows": rows}


def split(train: Dataset, most: int) -> tuple[Dataset, Dataset]:
    """Return the documents to fit on, and those with a label that are held out."""
    order = np.random.default_rng(0).permutation(train.num_docs)[:most]
    of_fit, held = order[len(order) // HELD_OUT :], order[: len(order) // HELD_OUT]
    held = held[np.diff(train.Y.indptr)[held] > 0]
    parts = [
        Dataset([train.texts[row] for row in rows], None, train.Y[rows], train.label_names) for rows in (of_fit, held)
    ]
    return parts[0], parts[1]


def score_of(data: Data, name: str, analyzer: str) -> float | None:
    """Return P@1 of an analyzer on a data set, None where it was not measured."""
    found = [row["P@1"] for row in data["rows"] if (row["data"], row["analyzer"]) == (name, analyzer)]
    return found[0] if found else None


def compared(data: Data, analyzer: str, names: list[str]) -> list[tuple[str, float, float]]:
    """Return the name and P@1 with an analyzer and with "auto", of each data set that has both."""
    return [
        (name, score, score_of(data, name, "auto") or 0.0)
        for name in names
        if (score := score_of(data, name, analyzer)) is not None
    ]


def report(data: Data) -> dict[str, Any]:
    """Return what the document says of the study."""
    names = list(dict.fromkeys(row["data"] for row in data["rows"]))
    spaced, unspaced = [name for name in names if name not in UNSPACED], [name for name in names if name in UNSPACED]

    def told(pairs: list[tuple[str, float, float]]) -> str:
        return "P@1, and with auto: " + ", ".join(f"{name} {a:.1f} and {b:.1f}" for name, a, b in pairs) + "."

    claims = []
    words = compared(data, "word", spaced)
    claims.append(
        claim("The default", f"where a script has spaces, auto is at most {NOISE} points of P@1 below plain words.",
              holds=all(b >= a - NOISE for _, a, b in words), measured="With word, " + told(words))
    )  # fmt: skip
    if unspaced:
        words = compared(data, "word", unspaced)
        claims.append(
            claim("The default", "without spaces between words, auto is above plain words.",
                  holds=all(b > a for _, a, b in words), measured="With word, " + told(words))
        )  # fmt: skip
    for analyzer, source, text in (
        ("word+char_wb", "fastText", "characters beside words help"),
        ("char_wb 3-5", "A common advice", "n-grams of characters alone are better than words"),
        ("auto, stems", "A common advice", "stems are better than words"),
        ("auto, stop words", "A common advice", "leaving out stop words helps"),
        ("auto, without accents", "A common advice", "words without accents are better"),
    ):
        if pairs := compared(data, analyzer, names):
            claims.append(
                claim(source, f"{text} (on every data set, by more than {NOISE} points of P@1).",
                      holds=all(a > b + NOISE for _, a, b in pairs), measured=f"With {analyzer}, " + told(pairs))
            )  # fmt: skip
    table = [
        {"data": row["data"], "documents": row["documents"], "analyzer": row["analyzer"], "P@1": row["P@1"],
         "P@5": row["P@5"], "terms": f"{row['terms']:,}", "fit, s": row["fit_seconds"]}
        for row in data["rows"]
    ]  # fmt: skip
    return {
        "title": "Which analyzer for which texts",
        "arguments": " FOLDER...",
        "about": f"The head is mhc without a ranking stage. Of {data['setting']['most_docs']:,} training documents at "
        f"most, every {data['setting']['held_out']}th is held out and measured, so that nothing is said about a test "
        "part. packages-LANGUAGE are Debian's translated package descriptions, tagged with section and debtags "
        "(`recipes/studies/package_descriptions.py` makes them). Few documents are held out: in packages-fi about 50, "
        "where one document is two points.",
        "claims": claims,
        "table": table,
    }


def draw(figure: Any, data: Data) -> None:
    """Draw P@1 of each analyzer less that of auto, by data set."""
    (axes,) = panels(figure, 1)
    figure.set_size_inches(9, 4.2)
    names = list(dict.fromkeys(row["data"] for row in data["rows"]))
    analyzers = [name for name in dict.fromkeys(row["analyzer"] for row in data["rows"]) if name != "auto"]
    for place, analyzer in enumerate(analyzers):
        pairs = {name: a - b for name, a, b in compared(data, analyzer, names)}
        places = [
            number + 0.8 * (place + 0.5) / len(analyzers) - 0.4 for number, name in enumerate(names) if name in pairs
        ]
        axes.bar(places, list(pairs.values()), 0.8 / len(analyzers), label=analyzer)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=15)
    axes.set_ylabel("P@1 less that of auto, points")
    axes.legend(ncols=2)


if __name__ == "__main__":
    run(__file__, measure, report, draw, takes_folders=True)
