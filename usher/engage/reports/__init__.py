"""What became of the campaigns that were sent, counted from rows."""
