"""What an operator reaches of a running gateway."""
