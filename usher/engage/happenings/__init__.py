"""What happens in an account, and telling it to those who want to know."""
