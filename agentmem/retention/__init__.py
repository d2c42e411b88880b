"""What may fade: signals of each memory, traces of its use, sweeps by threshold and budget."""
