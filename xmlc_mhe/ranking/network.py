"""A small network from the evidence of a candidate to the probability that the label is true, and its training."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numba import njit

HIDDEN = (32, 16)  # units of the two hidden layers
NUM_NETWORKS = 4  # of other seeds, whose mean is taken
EPOCHS = 6
BATCH_ROWS = 512  # rows of a step, and of a tile in prediction
LEARNING_RATE = 0.01  # of Adam; it falls to 0 over the second half
BETA_1, BETA_2, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-8)  # of Adam


class RankingNetwork(NamedTuple):
    """The mean of several networks of two hidden layers with ReLU and one logistic output.

    mean, scale: float32 (num_columns,); a row of evidence is shifted and scaled first. W1 float32 (M, num_columns, 32),
    b1 (M, 32), W2 (M, 32, 16), b2 (M, 16), W3 (M, 16, 1), b3 (M, 1) of M networks.
    """

    mean: np.ndarray
    scale: np.ndarray
    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray
    W3: np.ndarray
    b3: np.ndarray

    @classmethod
    def train(
        cls, rows: np.ndarray, is_true: np.ndarray, *, seed: int, threads: int, epochs: int = EPOCHS
    ) -> "RankingNetwork":
        """Return networks that minimise the logistic loss; the same for the same seed and any number of threads.

        Args:
            rows: evidence, float32 (num_rows, num_columns).
            is_true: bool (num_rows,).
            threads: each trains a network at a time.
        """
        mean, scale = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        mean, scale = mean.astype(np.float32), np.where(scale > 0, scale, 1).astype(np.float32)
        scaled, targets = (rows - mean) / scale, is_true.astype(np.float32)

        def train_one(number: int) -> list[np.ndarray]:
            weights = _first_weights(rows.shape[1], np.random.default_rng((seed, number)))
            _train(scaled, targets, *weights, epochs, seed + number)  # type: ignore[call-arg, arg-type]
            return weights

        with ThreadPoolExecutor(threads) as pool:
            networks = list(pool.map(train_one, range(NUM_NETWORKS)))
        return cls(mean, scale, *(np.stack(layer) for layer in zip(*networks, strict=True)))

    def probs(self, values: np.ndarray) -> np.ndarray:
        """Return the probabilities, float32 (B, S), of the candidates with this evidence, float32 (B, S, columns)."""
        return _mean_probs(self, values.reshape(-1, values.shape[2])).reshape(values.shape[:2])

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return self._asdict()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RankingNetwork":
        """Return the networks whose `state` this is."""
        return cls(**{name: state[name] for name in cls._fields})


def _first_weights(num_columns: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return random weights as He et al. (ICCV 2015) choose them, and biases of 0, layer after layer."""
    weights: list[np.ndarray] = []
    for num_in, num_out in zip((num_columns, *HIDDEN), (*HIDDEN, 1), strict=True):
        weights += [(rng.standard_normal((num_in, num_out)) * np.sqrt(2 / num_in)).astype(np.float32)]
        weights += [np.zeros(num_out, np.float32)]
    return weights


# In the kernels a tile is (columns or units, rows): the inner loops run over rows, so that they are long and each row's
# sums are added in the same order, however many rows there are.


@njit(nogil=True, cache=True)
def _layer(inputs: np.ndarray, W: np.ndarray, b: np.ndarray, outputs: np.ndarray, is_hidden: bool) -> None:
    """Set outputs (units, rows) to W' inputs + b, inputs (columns, rows), with a ReLU where the layer is hidden."""
    num_rows = inputs.shape[1]
    for unit in range(len(outputs)):
        out = outputs[unit]
        out[:] = b[unit]
        for column in range(len(inputs)):
            weight, values = W[column, unit], inputs[column]
            for row in range(num_rows):
                out[row] += weight * values[row]
        if is_hidden:
            for row in range(num_rows):
                out[row] = max(out[row], np.float32(0))


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _dot(x: np.ndarray, y: np.ndarray) -> np.float32:
    total = np.float32(0)
    for row in range(len(x)):
        total += x[row] * y[row]
    return total


@njit(nogil=True, cache=True)
def _slopes(
    inputs: np.ndarray, W: np.ndarray, slopes: np.ndarray, dW: np.ndarray, db: np.ndarray, earlier: np.ndarray
) -> None:
    """Set the gradients of a layer from the slopes (units, rows) of the loss by its outputs.

    earlier (columns, rows) gets the slopes by its inputs, 0 where a ReLU gave 0; nothing where it has no rows.
    """
    ones = np.ones(slopes.shape[1], np.float32)
    for unit in range(len(slopes)):
        db[unit] = _dot(slopes[unit], ones)
        for column in range(len(inputs)):
            dW[column, unit] = _dot(slopes[unit], inputs[column])
    for column in range(len(earlier)):
        out, values = earlier[column], inputs[column]
        out[:] = 0
        for unit in range(len(slopes)):
            weight, slope = W[column, unit], slopes[unit]
            for row in range(len(out)):
                out[row] += weight * slope[row]
        for row in range(len(out)):
            if values[row] <= 0:
                out[row] = 0


@njit(nogil=True, cache=True)
def _sigmoid(logit: np.float32) -> np.float32:
    if logit >= 0:
        return np.float32(1) / (np.float32(1) + np.exp(-logit))
    odds = np.exp(logit)
    return odds / (np.float32(1) + odds)


@njit(nogil=True, cache=True)
def _adam(
    weights: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray, step: int, rate: float
) -> None:
    """Take a step of Adam (Kingma and Ba, ICLR 2015, algorithm 1) with flat arrays."""
    scale = np.float32(rate * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step))
    for place in range(len(weights)):
        slope = gradient[place]
        first[place] = BETA_1 * first[place] + (1 - BETA_1) * slope
        second[place] = BETA_2 * second[place] + (1 - BETA_2) * slope * slope
        weights[place] -= scale * first[place] / (np.sqrt(second[place]) + EPSILON)


@njit(nogil=True, cache=True)
def _train(
    rows: np.ndarray,
    targets: np.ndarray,
    W1: np.ndarray,
    b1: np.ndarray,
    W2: np.ndarray,
    b2: np.ndarray,
    W3: np.ndarray,
    b3: np.ndarray,
    epochs: int,
    seed: int,
) -> None:
    """Train one network in place; rows float32 (num_rows, num_columns), targets float32 (num_rows,)."""
    num_rows, num_columns = rows.shape
    weights = (W1.reshape(-1), b1, W2.reshape(-1), b2, W3.reshape(-1), b3)
    dW1, db1, dW2, db2 = np.zeros_like(W1), np.zeros_like(b1), np.zeros_like(W2), np.zeros_like(b2)
    dW3, db3 = np.zeros_like(W3), np.zeros_like(b3)
    gradients = (dW1.reshape(-1), db1, dW2.reshape(-1), db2, dW3.reshape(-1), db3)
    first_moments = [np.zeros_like(layer) for layer in weights]
    second_moments = [np.zeros_like(layer) for layer in weights]
    np.random.seed(seed)
    num_steps, step = epochs * -(-num_rows // BATCH_ROWS), 0
    for _ in range(epochs):
        order = np.random.permutation(num_rows)
        for start in range(0, num_rows, BATCH_ROWS):
            batch = order[start : start + BATCH_ROWS]
            size = len(batch)
            inputs = np.empty((num_columns, size), np.float32)
            for row in range(size):
                for column in range(num_columns):
                    inputs[column, row] = rows[batch[row], column]
            first, second = np.empty((len(b1), size), np.float32), np.empty((len(b2), size), np.float32)
            logits = np.empty((1, size), np.float32)
            _layer(inputs, W1, b1, first, True)
            _layer(first, W2, b2, second, True)
            _layer(second, W3, b3, logits, False)
            slopes = logits  # of the mean logistic loss
            for row in range(size):
                slopes[0, row] = (_sigmoid(logits[0, row]) - targets[batch[row]]) / np.float32(size)
            d_second, d_first = np.empty_like(second), np.empty_like(first)
            _slopes(second, W3, slopes, dW3, db3, d_second)
            _slopes(first, W2, d_second, dW2, db2, d_first)
            _slopes(inputs, W1, d_first, dW1, db1, inputs[:0])
            step += 1
            rate = LEARNING_RATE * min(1.0, 2 * (1 - (step - 1) / num_steps))
            for layer in range(6):
                _adam(weights[layer], gradients[layer], first_moments[layer], second_moments[layer], step, rate)


@njit(nogil=True, cache=True)
def _mean_probs(network: RankingNetwork, rows: np.ndarray) -> np.ndarray:
    """Return the mean of the networks' probabilities for rows of evidence, float32 (num_rows,)."""
    num_networks, num_columns, num_first = network.W1.shape
    probs = np.zeros(len(rows), np.float32)
    for start in range(0, len(rows), BATCH_ROWS):
        size = min(BATCH_ROWS, len(rows) - start)
        inputs = np.empty((num_columns, size), np.float32)
        for row in range(size):
            for column in range(num_columns):
                inputs[column, row] = (rows[start + row, column] - network.mean[column]) / network.scale[column]
        first, second = np.empty((num_first, size), np.float32), np.empty((network.W2.shape[2], size), np.float32)
        logits = np.empty((1, size), np.float32)
        for number in range(num_networks):
            _layer(inputs, network.W1[number], network.b1[number], first, True)
            _layer(first, network.W2[number], network.b2[number], second, True)
            _layer(second, network.W3[number], network.b3[number], logits, False)
            for row in range(size):
                probs[start + row] += _sigmoid(logits[0, row]) / np.float32(num_networks)
    return probs
