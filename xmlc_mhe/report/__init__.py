"""Reports: tables and pictures of results, as one HTML page and as Markdown."""

from .page import write_report

__all__ = ["write_report"]
