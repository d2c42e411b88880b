"""Encoding: where text becomes vector, cues, time and features, once. Everything downstream receives finished values."""
