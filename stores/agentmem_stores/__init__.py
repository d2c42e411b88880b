"""Stores: indexes over memories, one file each, found by their file name (see `agentmem.registry`)."""
