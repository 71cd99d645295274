"""The neural heads by name. A new one is one more line here, and a file beside this one.

A head is an nn.Module with `name`, `takes_many_labels`, `is_fixed` (True: it learns nothing; the body must, and ends
without a ReLU, as fixed prototypes point everywhere), where its groups are ranges of labels `orders_labels` (True:
labels are numbered in `label_order` for it), and
    __init__(num_labels, dim, *, options of its own)
    loss(features, labels)   mean over the batch; features (B, dim); labels int64 (B,), or (B, P) with -1 pads where
                             takes_many_labels
    top_k(features, k)       labels int64 (B, k) and scores (B, k), best first: exact, ties to the lower label
"""

from ..lazy import LazyClasses

HEADS = LazyClasses(
    __package__,
    {
        "softmax": ("one_hot", "OneHot"),
        "neural-mhc": ("cascade", "NeuralCascade"),
        "mhp": ("product", "MultiHeadProduct"),
        "mhs": ("sampling", "MultiHeadSampling"),
        "cp": ("cp", "SumOfProducts"),
        "lowrank": ("low_rank", "LowRank"),
        "etf": ("etf", "SimplexETF"),
        "rbf": ("rbf", "RBFSoftmax"),
    },
    needs=("torch", "neural"),
)
