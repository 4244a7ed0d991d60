"""What the pages count and list, one file per noun: sets, read in few statements, nothing written."""
