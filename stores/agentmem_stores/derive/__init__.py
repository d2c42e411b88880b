"""Derivers, one file each: what they make is derived memory, with its lineage, and goes with its sources."""
