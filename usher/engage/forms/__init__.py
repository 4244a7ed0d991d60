"""Pages on which people put themselves on a list, say yes, choose what they get, and leave."""
