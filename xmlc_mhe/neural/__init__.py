"""Heads as torch modules on a learned body: one file a head, losses, ranking, the only training loop."""
