"""Measuring: replay a Case on a fresh space, collect Scores, write a Report.

An evaluator says what happens (`cases`) and what an answer is worth (`score`); this room does the rest. It knows no
benchmark.
"""
