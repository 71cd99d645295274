import pytest
from serving_client import ODD_NAMES, Client, serving

from xmlc_mhe import XMLCClassifier


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A model of eight common labels and five whose names would do harm as markup, each told by its words."""
    names = [f"label {number}" for number in range(8)] + ODD_NAMES
    texts = [f"word{doc % 13} also{doc % 13} noise{doc % 7} noise{doc % 5}" for doc in range(260)]
    folder = tmp_path_factory.mktemp("served") / "model"
    XMLCClassifier(threads=1).fit(texts, [[names[doc % 13]] for doc in range(260)]).save(folder)
    return folder


@pytest.fixture(scope="session")
def server(model_folder):
    """A server with the default options, shared by the tests that do not change it."""
    for name in ("uvicorn", "starlette"):
        pytest.importorskip(name, reason="the extra serve is not installed")
    with serving(model_folder, "--log-requests") as started:
        yield started


@pytest.fixture
def client(server):
    with Client("127.0.0.1", server.port) as connected:
        yield connected
