"""Where documents and their labels come from, and how they are written: data sets, sources, formats, benchmarks."""
