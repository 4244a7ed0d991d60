"""Small modules named by subject, which know nothing of the rooms above them."""
