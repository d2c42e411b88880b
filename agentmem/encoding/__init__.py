"""Encoding: where text becomes vector, cues, time and features, once. All downstream receives finished values."""
