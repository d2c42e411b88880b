"""From a question to a ranking that explains itself: catalog, engine, signals, fusion, confidence, training."""
