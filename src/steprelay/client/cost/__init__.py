"""What a run cost, roughly: what its attempts used, at list prices."""
