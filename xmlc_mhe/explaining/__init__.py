"""Why a label was given: its words in the text, the evidence, similar documents, for programs and for people."""
