"""The classifier: options, fit, tuning on a dev part, prediction, saving, ensembles, prediction over workers."""
