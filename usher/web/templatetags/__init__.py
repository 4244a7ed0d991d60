"""Words and numbers as the templates show them."""
