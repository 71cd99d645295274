"""A model behind HTTP: Annif's REST interface, explanations, and a page to work with."""
