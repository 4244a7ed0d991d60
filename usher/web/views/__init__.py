"""The views, one file per noun of the rail."""
