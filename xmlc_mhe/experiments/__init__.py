"""Recipes, the runs that they describe, the search for options, and reports of results."""
