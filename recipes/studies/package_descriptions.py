"""Make data sets of Debian's translated package descriptions, a folder a language; labels are section and debtags.

    apt-get update -o Acquire::Languages::=de -o Acquire::Languages::=fi     # or set Acquire::Languages
    python recipes/studies/package_descriptions.py PACKAGES FOLDER TRANSLATION...

PACKAGES is a list `..._Packages`, TRANSLATION a list `..._i18n_Translation-LANGUAGE`, both as apt keeps them in
/var/lib/apt/lists, not compressed. A seventh of the packages, by the hash of their names, is the part test.
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

from xmlc_mhe.classifier.documents import labels_of_names
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.writing import save_dataset

LEAST_DOCS = 5  # of a label


def main() -> None:
    """Write a folder for each translation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, metavar="PACKAGES")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("translations", type=Path, nargs="+", metavar="TRANSLATION")
    args = parser.parse_args()
    labels = labels_of_packages(args.packages.read_text(encoding="utf-8"))
    for path in args.translations:
        language = path.name.rpartition("Translation-")[2].replace("%5f", "_")
        parts = data_set(path.read_text(encoding="utf-8"), labels)
        save_dataset(parts, args.folder / f"packages-{language}")
        print(language, {name: part.num_docs for name, part in parts.items()}, parts["train"].num_labels, "labels")


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each paragraph; a line that begins with a space continues the field before it."""
    for paragraph in text.split("\n\n"):
        fields, name = {}, ""
        for line in paragraph.splitlines():
            if line[:1] == " ":
                fields[name] += "\n" + line[1:]
            else:
                name, _, value = line.partition(": ")
                fields[name] = value
        if fields:
            yield fields


def labels_of_packages(text: str) -> dict[str, list[str]]:
    """Return the section and the tags of each package."""
    return {
        fields["Package"]: [f"section::{fields['Section']}", *fields.get("Tag", "").replace("\n", " ").split(", ")]
        for fields in paragraphs(text)
    }


def data_set(text: str, labels_of: dict[str, list[str]]) -> dict[str, Dataset]:
    """Return the parts train and test of a translation; of packages with the same description, the first is taken."""
    texts, names, in_test = {}, [], []  # the texts in order, each once
    for fields in paragraphs(text):
        title = next(name for name in fields if name.startswith("Description-") and name != "Description-md5")
        description = " ".join(word for line in fields[title].splitlines() if line != "." for word in line.split())
        if fields["Package"] in labels_of and description not in texts:
            texts[description] = None
            names.append([label for label in labels_of[fields["Package"]] if label])
            in_test.append(hashlib.sha256(fields["Package"].encode()).digest()[0] % 7 == 0)
    Y, label_names = labels_of_names(names)
    kept = [label for label, count in enumerate((Y > 0).sum(axis=0).tolist()) if count >= LEAST_DOCS]
    Y, label_names = Y[:, kept], [label_names[label] for label in kept]
    parts, descriptions = {}, list(texts)
    for part, wanted in (("train", False), ("test", True)):
        rows = [row for row, value in enumerate(in_test) if value is wanted]
        parts[part] = Dataset([descriptions[row] for row in rows], None, Y[rows], label_names)
    return parts


if __name__ == "__main__":
    main()
