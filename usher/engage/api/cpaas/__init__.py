"""Messages by the API for developers (CPaaS): texts to one number, and what became of them."""
