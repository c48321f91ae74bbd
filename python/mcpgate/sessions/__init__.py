"""What lasts longer than one exchange: open streams and what is told on them."""
