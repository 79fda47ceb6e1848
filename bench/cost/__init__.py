"""What checking costs, what tools cost while nothing happens, and how ours grows."""
