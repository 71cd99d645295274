"""Reports: what results say, as tables and pictures, on one page."""
