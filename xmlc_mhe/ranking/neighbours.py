"""placeholder until the index arrives"""
import sys

import numpy as np

sys.path.insert(0, "/tmp/lab")
class NeighbourEvidence:
    name = "neighbours"
    columns = ("share among neighbours", "share among the nearest")
    def __init__(self, X, Y): self.X, self.Y = X, Y
    @classmethod
    def learn(cls, training): return cls(training.X.sparse, training.Y) if training.X.sparse.shape[1] else None
    def values(self, c):
        import lab
        nb = lab.nearest(c.X.sparse, self.X)
        return np.stack([lab.shares(nb, self.Y, c.labels, 2)[0], lab.shares(nb, self.Y, c.labels, 6, n=20)[0]], 2)
    def state(self): return {}
