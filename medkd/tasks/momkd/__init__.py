"""MoMKD, slides that learn from bulk RNA through a memory of class prototypes."""
