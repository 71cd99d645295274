"""The benchmarks that are known by name: their cards, and checking and fetching their files."""
