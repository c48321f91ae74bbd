"""What one crossing into the gate costs, step by step."""
